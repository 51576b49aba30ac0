import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Tracing } from '../monitoring/tracing/tracing.js';
import type { InferenceHttpRequest } from './admitted-chat.js';
import type { AdmittedEmbedding } from './admitted-embedding.js';
import { EmbeddingAdmission } from './embedding-admission.service.js';
import { unsupportedPolicy } from './unsupported-parameters.js';
import { parseEmbedding } from './wire/embedding.js';

/** The request as the guard leaves it to the controller. */
export interface EmbeddingHttpRequest extends InferenceHttpRequest {
  embedding?: AdmittedEmbedding;
}

/** Reads the body and refuses it unless its model makes embeddings and can be called by this user's tier. */
@Injectable()
export class EmbeddingGuard implements CanActivate {
  constructor(
    private readonly admission: EmbeddingAdmission,
    private readonly tracing: Tracing,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<EmbeddingHttpRequest>();
    const { principal, body } = request;
    if (!principal) throw new Error('an inference route is public');
    const dropUnsupported = unsupportedPolicy(request) === 'drop';
    request.embedding = await this.tracing.step('admit', async () =>
      this.admission.admit(parseEmbedding(body, { dropUnsupported }), principal.userId),
    );
    return true;
  }
}
