import { Injectable } from '@nestjs/common';
import { CatalogueService } from '../models/catalogue.service.js';
import { ModelNotFoundError } from '../models/models.errors.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import { HardStops } from '../usage/budgets/hard-stops.service.js';
import type { AdmittedEmbedding } from './admitted-embedding.js';
import { ModelUnavailableError } from './inference.errors.js';
import { type PricedModel, refuseEmbedding } from './model-access.js';
import { ProviderRegistry } from './providers/provider-registry.js';
import type { ParsedEmbedding } from './wire/embedding.js';

/** Decides whether a request for embeddings may be sent. */
@Injectable()
export class EmbeddingAdmission {
  constructor(
    private readonly catalogue: CatalogueService,
    private readonly subscriptions: SubscriptionService,
    private readonly registry: ProviderRegistry,
    private readonly stops: HardStops,
  ) {}

  /**
   * A legacy model is never answered by its successor: the vectors of two models cannot be compared.
   * @throws ModelNotFoundError and the refusals of the model, the tier and the capability.
   */
  async admit({ body, dropped }: ParsedEmbedding, userId: string): Promise<AdmittedEmbedding> {
    const model = this.catalogue.find(body.model);
    if (!model) throw ModelNotFoundError.of(body.model);
    const { tier } = await this.subscriptions.current(userId);
    const route = this.registry.routeOf(model);
    const refusal =
      refuseEmbedding(model, { tier, isServed: route !== null }) ??
      this.stops.refusal({ user: userId, tier, model: model.id });
    if (refusal) throw refusal;
    const provider = route?.provider;
    if (!provider?.embed) throw new ModelUnavailableError(model.id, null);
    return {
      body,
      applied: dropped.map((parameter) => ({ parameter, action: 'dropped' })),
      model: model as PricedModel,
      provider: provider as AdmittedEmbedding['provider'],
      isSandbox: route?.isSandbox ?? false,
      tier,
    };
  }
}
