import { Controller, HttpCode, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { formatCredits } from '../common/domain/micro-credits.js';
import { Scopes } from '../common/http/route-markers.js';
import { rateLimitHeaders } from '../usage/domain/rate-limit-headers.js';
import { ApiInferenceErrors } from './chat.openapi.js';
import { EMBEDDING_BODY, EMBEDDING_ERRORS, EMBEDDING_RESPONSE } from './embedding.openapi.js';
import { EmbeddingGuard, type EmbeddingHttpRequest } from './embedding.guard.js';
import { EmbeddingService } from './embedding.service.js';
import { ChargeOnce } from './idempotency/charge-once.service.js';
import { TakesIdempotencyKey } from './idempotency/idempotency-key.guard.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { ApiUnsupportedParameters } from './unsupported-parameters.js';
import type { EmbeddingList } from './wire/embedding.js';

@ApiTags('Inference')
@ApiBearerAuth()
@Controller('v1/embeddings')
@Scopes('llm.inference')
export class EmbeddingsController {
  constructor(
    private readonly embeddings: EmbeddingService,
    private readonly chargeOnce: ChargeOnce,
  ) {}

  @Post()
  @HttpCode(200)
  // The lowest guard is asked first.
  @UseGuards(RateLimitGuard, EmbeddingGuard)
  @TakesIdempotencyKey()
  @ApiUnsupportedParameters()
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
  ): Promise<EmbeddingList | string> {
    const { id: requestId, principal, embedding: admitted } = request;
    if (!principal || !admitted) throw new Error('embeddings are made after their guard');
    const { userId, accessId } = principal;
    return this.chargeOnce.respond(request, reply, async (keeper) => {
      const hasClientLeft = () => reply.raw.destroyed;
      const call = { requestId, principal: { userId, accessId }, admitted, hasClientLeft, keeper };
      const { list, headers, reservation, settlement } = await this.embeddings.embed(call);
      void reply.headers({ ...rateLimitHeaders(reservation.limits, reservation.heldAt), ...headers });
      void reply.header('x-credits-charged', formatCredits(settlement.chargedUcr));
      void reply.header('x-credits-remaining', formatCredits(settlement.availableUcr));
      return list;
    });
  }
}
