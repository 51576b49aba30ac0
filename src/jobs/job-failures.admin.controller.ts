import { Body, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { CurrentOperator, type Operator } from '../common/http/current-operator.js';
import { decodeCursor, encodeCursor } from '../common/http/paging.js';
import { OptionalReasonRequest } from '../common/http/reason-request.js';
import { isUuid } from '../common/ids.js';
import { JobFailureService } from './job-failure.service.js';
import { Dismissal, JobFailuresPage, JobFailuresQuery, JobFailureView, toJobFailureView } from './jobs.dto.js';

@AdminController('admin/job-failures', 'admin', 'support')
export class JobFailuresAdminController {
  constructor(
    private readonly failures: JobFailureService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'What background work could not do, newest first, with its reasons' })
  @ApiResponse({ status: 200, type: JobFailuresPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async list(@Query() { state, job, limit, cursor }: JobFailuresQuery): Promise<JobFailuresPage> {
    const page = await this.failures.page({ state, job, limit, before: decodeCursor(cursor, isUuid) });
    return { data: page.failures.map(toJobFailureView), nextCursor: encodeCursor(page.next) };
  }

  @Post(':id/retry')
  @HttpCode(200)
  @ApiOperation({ summary: 'Do what failed once more, now' })
  @ApiResponse({ status: 200, type: JobFailureView, description: 'It succeeded' })
  @ApiResponse({ status: 400, description: 'The reason is too long' })
  @ApiResponse({ status: 404, description: 'No failure has this id' })
  @ApiResponse({ status: 409, description: 'It is closed, it failed again, or its job retries all at once only' })
  async retry(
    @Param('id') id: string,
    @Body() { reason }: OptionalReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<JobFailureView> {
    const cause = { ...operator, reason: reason ?? null };
    return toJobFailureView(await this.failures.retry(id, cause, this.clock.now()));
  }

  @Post(':id/dismiss')
  @HttpCode(200)
  @ApiOperation({ summary: 'Close a failure without doing what failed; the reason stays with it' })
  @ApiResponse({ status: 200, type: JobFailureView })
  @ApiResponse({ status: 400, description: 'The reason is missing or too long' })
  @ApiResponse({ status: 404, description: 'No failure has this id' })
  @ApiResponse({ status: 409, description: 'It is closed already' })
  async dismiss(
    @Param('id') id: string,
    @Body() { reason }: Dismissal,
    @CurrentOperator() operator: Operator,
  ): Promise<JobFailureView> {
    return toJobFailureView(await this.failures.dismiss(id, { ...operator, reason }, this.clock.now()));
  }
}
