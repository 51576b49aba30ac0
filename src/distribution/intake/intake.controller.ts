import { Body, Controller, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../../common/clock.js';
import { Public } from '../../common/http/route-markers.js';
import { PLATFORMS, VERSION_LENGTH_MAX } from '../domain/app-version.js';
import {
  DIAGNOSTICS_KINDS,
  DiagnosticsReceiptView,
  FeedbackRequest,
  readDiagnostics,
  IntakeReceiptView,
} from './intake.dto.js';
import { LimitedIntake, SenderId } from './intake-gate.js';
import { IntakeService } from './intake.service.js';

const DIAGNOSTICS_BODY = {
  type: 'object',
  required: ['kind', 'payload'],
  properties: {
    kind: { type: 'string', enum: [...DIAGNOSTICS_KINDS] },
    appVersion: { type: 'string', maxLength: VERSION_LENGTH_MAX },
    platform: { type: 'string', enum: [...PLATFORMS] },
    payload: { type: 'object', additionalProperties: true },
  },
};

/** What an app sends without anybody signed in, or with somebody: then it is theirs, to be exported and erased with the rest. */
@ApiTags('app')
@ApiBearerAuth()
@Public()
@Controller('v1/app')
export class IntakeController {
  constructor(
    private readonly intake: IntakeService,
    private readonly clock: Clock,
  ) {}

  @Post('feedback')
  @LimitedIntake('feedback')
  @ApiOperation({ summary: 'What someone wants to tell; a token is not needed, and says whose it is' })
  @ApiResponse({ status: 201, type: IntakeReceiptView })
  @ApiResponse({ status: 400, description: 'Every field that breaks a rule' })
  @ApiResponse({ status: 401, description: 'A token was sent that is not valid' })
  @ApiResponse({ status: 429, description: 'too_many_requests: Retry-After says when' })
  async feedback(@Body() body: FeedbackRequest, @SenderId() userId: string | null): Promise<IntakeReceiptView> {
    return { id: await this.intake.addFeedback(body, userId, this.clock.now()) };
  }

  @Post('diagnostics')
  @LimitedIntake('diagnostics')
  @ApiOperation({
    summary: 'A crash report or a log; secrets, tokens and mail addresses are taken out before it is stored',
    description: 'At most 5 MiB, 32 levels and 50 000 values. Deleted after a while.',
  })
  @ApiBody({ schema: DIAGNOSTICS_BODY })
  @ApiResponse({ status: 201, type: DiagnosticsReceiptView })
  @ApiResponse({ status: 400, description: 'Every field that breaks a rule' })
  @ApiResponse({ status: 401, description: 'A token was sent that is not valid' })
  @ApiResponse({ status: 413, description: 'body_too_large' })
  @ApiResponse({ status: 429, description: 'too_many_requests: Retry-After says when' })
  diagnostics(@Body() body: unknown, @SenderId() userId: string | null): Promise<DiagnosticsReceiptView> {
    return this.intake.addDiagnostics(readDiagnostics(body), userId, this.clock.now());
  }
}
