import { Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { formatCredits } from '../common/domain/micro-credits.js';
import { Scopes } from '../common/http/route-markers.js';
import { lifecycleHeaders } from '../models/domain/lifecycle-headers.js';
import { ApiInferenceErrors } from './chat.openapi.js';
import { EMBEDDING_BODY, EMBEDDING_ERRORS, EMBEDDING_RESPONSE } from './embedding.openapi.js';
import { EmbeddingGuard, type EmbeddingHttpRequest } from './embedding.guard.js';
import { EmbeddingService } from './embedding.service.js';
import type { EmbeddingList } from './wire/embedding.js';

@ApiTags('Inference')
@ApiBearerAuth()
@Controller('v1/embeddings')
@Scopes('llm.inference')
export class EmbeddingsController {
  constructor(private readonly embeddings: EmbeddingService) {}

  @Post()
  @HttpCode(200)
  @UseGuards(EmbeddingGuard)
  @ApiOperation({
    summary: 'Turn texts into vectors',
    description:
      "OpenAI's Embeddings, for models with the capability embedding. The bytes of the texts are held, and what the provider counts is charged. Refusals cost nothing.",
  })
  @ApiBody(EMBEDDING_BODY)
  @ApiResponse(EMBEDDING_RESPONSE)
  @ApiInferenceErrors(EMBEDDING_ERRORS)
  async embed(
    @Req() request: EmbeddingHttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EmbeddingList> {
    const { id: requestId, principal, embedding: admitted } = request;
    if (!principal || !admitted) throw new Error('embeddings are made after their guard');
    const { userId, accessId } = principal;
    const call = { requestId, principal: { userId, accessId }, admitted };
    const { list, settlement } = await this.embeddings.embed(call);
    void reply.headers(lifecycleHeaders(admitted.model));
    if (admitted.isSandbox) void reply.header('x-sandbox', '1');
    void reply.header('x-credits-charged', formatCredits(settlement.chargedUcr));
    void reply.header('x-credits-remaining', formatCredits(settlement.availableUcr));
    return list;
  }
}
