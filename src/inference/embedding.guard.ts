import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../common/http/principal.js';
import { type AdmittedEmbedding, EmbeddingService } from './embedding.service.js';
import { parseEmbedding } from './wire/embedding.js';

/** The request as the guard leaves it to the controller. */
export interface EmbeddingHttpRequest extends FastifyRequest {
  principal?: Principal;
  embedding?: AdmittedEmbedding;
}

/** Reads the body and refuses it unless its model makes embeddings and can be called by this user's tier. */
@Injectable()
export class EmbeddingGuard implements CanActivate {
  constructor(private readonly embeddings: EmbeddingService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<EmbeddingHttpRequest>();
    if (!request.principal) throw new Error('an inference route is public');
    request.embedding = await this.embeddings.admit(parseEmbedding(request.body), request.principal.userId);
    return true;
  }
}
