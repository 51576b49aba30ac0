import { Body, Get, Param, Patch, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { encodeCursor } from '../../common/http/paging.js';
import type { Feedback } from '../feedback.entity.js';
import { IntakeAdminService } from './intake-admin.service.js';
import {
  DiagnosticsPage,
  DiagnosticsQuery,
  DiagnosticsView,
  etagOfFeedback,
  FeedbackPage,
  FeedbackQuery,
  FeedbackView,
  toDiagnosticsSummary,
  toDiagnosticsView,
  toFeedbackView,
  UpdateFeedbackRequest,
} from './intake.dto.js';

/** Support works through feedback, so it may also move it on. */
@AdminController('admin', 'admin', 'support')
export class IntakeAdminController {
  constructor(
    private readonly intake: IntakeAdminService,
    private readonly clock: Clock,
  ) {}

  @Get('feedback')
  @ApiOperation({ summary: 'What people told, newest first' })
  @ApiResponse({ status: 200, type: FeedbackPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async feedback(@Query() query: FeedbackQuery): Promise<FeedbackPage> {
    const { rows, next } = await this.intake.feedback(query);
    return { data: rows.map(toFeedbackView), nextCursor: encodeCursor(next) };
  }

  @Get('feedback/:id')
  @ApiOperation({ summary: 'One of them; its ETag is what a change must name' })
  @ApiResponse({ status: 200, type: FeedbackView })
  @ApiResponse({ status: 404, description: 'feedback_not_found' })
  async readFeedback(
    @Param('id', IdPipe) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FeedbackView> {
    return answer(await this.intake.readFeedback(id), reply);
  }

  @Patch('feedback/:id')
  @ApiOperation({ summary: 'Marks it as read, answered or closed' })
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the feedback as it was read' })
  @ApiResponse({ status: 200, type: FeedbackView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'feedback_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async updateFeedback(
    @Param('id', IdPipe) id: string,
    @Body() body: UpdateFeedbackRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FeedbackView> {
    const cause = { ...operator, reason: body.reason };
    return answer(await this.intake.updateFeedback(id, body, cause, this.clock.now()), reply);
  }

  @Get('diagnostics')
  @ApiOperation({ summary: 'The reports of the apps, newest first, without their payloads' })
  @ApiResponse({ status: 200, type: DiagnosticsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async diagnostics(@Query() query: DiagnosticsQuery): Promise<DiagnosticsPage> {
    const { rows, next } = await this.intake.diagnostics(query);
    return { data: rows.map(toDiagnosticsSummary), nextCursor: encodeCursor(next) };
  }

  @Get('diagnostics/:id')
  @ApiOperation({ summary: 'One report with its payload' })
  @ApiResponse({ status: 200, type: DiagnosticsView })
  @ApiResponse({ status: 404, description: 'diagnostics_not_found' })
  async readDiagnostics(@Param('id', IdPipe) id: string): Promise<DiagnosticsView> {
    return toDiagnosticsView(await this.intake.readDiagnostics(id));
  }
}

function answer(feedback: Feedback, reply: FastifyReply): FeedbackView {
  void reply.header('etag', etagOfFeedback(feedback));
  return toFeedbackView(feedback);
}
