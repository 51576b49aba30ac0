import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Scopes } from '../../../common/http/route-markers.js';
import type { InferenceHttpRequest } from '../../admitted-chat.js';
import { ChatResponder } from '../../chat-responder.service.js';
import { ChatRoute } from '../chat-route.js';
import { RESPONSES } from './responses.dialect.js';
import { RESPONSES_BODY, RESPONSES_RESPONSE } from './responses.openapi.js';

@ApiTags('Inference')
@ApiBearerAuth()
@Controller('v1/responses')
@Scopes('llm.inference')
export class ResponsesController {
  constructor(private readonly responder: ChatResponder) {}

  @Post()
  @ChatRoute(RESPONSES)
  @ApiOperation({
    summary: "Chat with a model in the wire format of OpenAI's Responses",
    description:
      'Any model of this server, behind the guards and at the price of /v1/chat/completions. No answer is kept: the whole conversation is sent as `input`, with the items of reasoning as they were answered where `include` asked for their `encrypted_content`. Parameters in X-Parameters-Applied have their names in Chat Completions.',
  })
  @ApiBody(RESPONSES_BODY)
  @ApiResponse(RESPONSES_RESPONSE)
  create(
    @Req() request: InferenceHttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | string> {
    return this.responder.respond(request, reply);
  }
}
