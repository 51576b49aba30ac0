import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOperation, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ANTHROPIC_REQUEST_ID } from '../../../common/errors/error-body.js';
import { Scopes, TakesApiKeyHeader } from '../../../common/http/route-markers.js';
import type { InferenceHttpRequest } from '../../admitted-chat.js';
import { ChatResponder } from '../../chat-responder.service.js';
import { ChatRoute } from '../chat-route.js';
import { MESSAGES } from './messages.dialect.js';
import { MESSAGES_BODY, MESSAGES_ENVELOPE, MESSAGES_RESPONSE } from './messages.openapi.js';

@ApiTags('Inference')
@ApiBearerAuth()
@ApiSecurity('apiKey')
@Controller('v1/messages')
@Scopes('llm.inference')
export class MessagesController {
  constructor(private readonly responder: ChatResponder) {}

  @Post()
  @TakesApiKeyHeader()
  @ChatRoute(MESSAGES, MESSAGES_ENVELOPE)
  @ApiOperation({
    summary: "Chat with a model in the wire format of Anthropic's Messages",
    description:
      'Any model of this server, behind the guards and at the price of /v1/chat/completions. Errors come in the envelope of Anthropic; parameters in X-Parameters-Applied have their names there.',
  })
  @ApiHeader({ name: 'anthropic-version', required: false, schema: { type: 'string', example: '2023-06-01' } })
  @ApiBody(MESSAGES_BODY)
  @ApiResponse(MESSAGES_RESPONSE)
  async create(
    @Req() request: InferenceHttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | string> {
    const answer = await this.responder.respond(request, reply);
    // A replay has the id of the first request.
    void reply.header(ANTHROPIC_REQUEST_ID, reply.getHeader('x-request-id'));
    return answer;
  }
}
