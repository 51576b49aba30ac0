import { Body, Get, HttpCode, Param, ParseEnumPipe, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiParam, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../common/clock.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { Roles } from '../../common/http/route-markers.js';
import { GENERATION_MODES, type GenerationMode } from '../domain/generation-modes.js';
import {
  CreateGenerationPromptRequest,
  etagOfMode,
  GenerationPromptList,
  GenerationPromptsQuery,
  PromptVersionParameters,
  toPromptView,
} from './generation-prompt.dto.js';
import type { GenerationPrompt } from './generation-prompt.entity.js';
import { GenerationPromptService } from './generation-prompt.service.js';

const MODES = Object.fromEntries(GENERATION_MODES.map((mode) => [mode, mode])) as Record<
  GenerationMode,
  GenerationMode
>;
const MODE = new ParseEnumPipe(MODES, {
  exceptionFactory: () =>
    InvalidRequestError.of([{ field: 'mode', message: `must be one of ${GENERATION_MODES.join(', ')}` }]),
});
const IF_MATCH = { name: 'If-Match', required: true, description: 'The ETag of the mode as it was read' } as const;

@AdminController('admin/generation-prompts', 'admin')
export class GenerationPromptsAdminController {
  constructor(
    private readonly prompts: GenerationPromptService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Every version of every mode, newest first' })
  @ApiResponse({ status: 200, type: GenerationPromptList })
  @ApiResponse({ status: 400, description: 'An unknown mode' })
  async list(@Query() { mode }: GenerationPromptsQuery): Promise<GenerationPromptList> {
    return { data: (await this.prompts.list(mode)).map(toPromptView) };
  }

  @Get(':mode')
  @Roles('admin', 'support')
  @ApiParam({ name: 'mode', enum: GENERATION_MODES })
  @ApiOperation({ summary: 'The versions of one mode; its ETag is what a change must name' })
  @ApiResponse({ status: 200, type: GenerationPromptList })
  @ApiResponse({ status: 400, description: 'An unknown mode' })
  async read(
    @Param('mode', MODE) mode: GenerationMode,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GenerationPromptList> {
    return answer(await this.prompts.list(mode), reply);
  }

  @Post(':mode')
  @ApiParam({ name: 'mode', enum: GENERATION_MODES })
  @ApiOperation({ summary: 'Adds the next version, which runs take from now on' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 201, type: GenerationPromptList })
  @ApiResponse({ status: 400, description: 'An unknown mode, or a field that breaks its rule' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async add(
    @Param('mode', MODE) mode: GenerationMode,
    @Body() { prompt, reason }: CreateGenerationPromptRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GenerationPromptList> {
    return answer(await this.prompts.add(mode, prompt, { ...operator, reason }, this.clock.now()), reply);
  }

  @Post(':mode/:version/activate')
  @HttpCode(200)
  @ApiParam({ name: 'mode', enum: GENERATION_MODES })
  @ApiOperation({ summary: 'Has runs take an earlier version again' })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: GenerationPromptList })
  @ApiResponse({ status: 400, description: 'An unknown mode, or the reason is missing' })
  @ApiResponse({ status: 404, description: 'generation_prompt_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async activate(
    @Param() { mode, version }: PromptVersionParameters,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GenerationPromptList> {
    return answer(await this.prompts.activate(mode, version, { ...operator, reason }, this.clock.now()), reply);
  }
}

function answer(versions: readonly GenerationPrompt[], reply: FastifyReply): GenerationPromptList {
  void reply.header('etag', etagOfMode(versions));
  return { data: versions.map(toPromptView) };
}
