import { Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import { Scopes } from '../common/http/route-markers.js';
import type { InferenceHttpRequest } from './admitted-chat.js';
import { CHAT_BODY, CHAT_RESPONSE, CHAT_ERRORS, ApiInferenceErrors } from './chat.openapi.js';
import { ChatResponder } from './chat-responder.service.js';
import { TakesIdempotencyKey } from './idempotency/idempotency-key.guard.js';
import { ModelAccessGuard } from './model-access.guard.js';
import { ParameterConstraintsGuard } from './parameter-constraints.guard.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import type { ChatCompletion } from './wire/chat-answer.js';

@ApiTags('Inference')
@ApiBearerAuth()
@Controller('v1/chat/completions')
@Scopes('llm.inference')
export class ChatController {
  constructor(private readonly responder: ChatResponder) {}

  @Post()
  @HttpCode(200)
  // The lowest guard is asked first.
  @UseGuards(RateLimitGuard, ModelAccessGuard, ParameterConstraintsGuard)
  @TakesIdempotencyKey()
  @ApiOperation({
    summary: 'Chat with a model, whole or streamed',
    description:
      "OpenAI's Chat Completions. The request's upper bound is held, the provider is called, and what it reports is charged before the answer ends. Refusals cost nothing.",
  })
  @ApiHeader({
    name: 'X-Unsupported-Parameters',
    required: false,
    schema: { type: 'string', enum: ['reject', 'drop'], default: 'reject' },
    description:
      'drop: leave out parameters that the model or this server does not take, and name them in X-Parameters-Applied.',
  })
  @ApiBody(CHAT_BODY)
  @ApiResponse(CHAT_RESPONSE)
  @ApiInferenceErrors(CHAT_ERRORS)
  complete(
    @Req() request: InferenceHttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChatCompletion | Readable | string> {
    return this.responder.respond(request, reply);
  }
}
