import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Scopes } from '../../../common/http/route-markers.js';
import type { InferenceHttpRequest } from '../../admitted-chat.js';
import { CHAT_BODY, CHAT_RESPONSE } from '../../chat.openapi.js';
import { ChatResponder } from '../../chat-responder.service.js';
import { ChatRoute } from '../chat-route.js';
import { CHAT_COMPLETIONS } from './chat-completions.dialect.js';

@ApiTags('Inference')
@ApiBearerAuth()
@Controller('v1/chat/completions')
@Scopes('llm.inference')
export class ChatCompletionsController {
  constructor(private readonly responder: ChatResponder) {}

  @Post()
  @ChatRoute(CHAT_COMPLETIONS)
  @ApiOperation({
    summary: 'Chat with a model, whole or streamed',
    description:
      "OpenAI's Chat Completions. The request's upper bound is held, the provider is called, and what it reports is charged before the answer ends. Refusals cost nothing.",
  })
  @ApiBody(CHAT_BODY)
  @ApiResponse(CHAT_RESPONSE)
  complete(
    @Req() request: InferenceHttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | string> {
    return this.responder.respond(request, reply);
  }
}
