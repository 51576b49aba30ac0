import { Injectable } from '@nestjs/common';
import type { Tier } from '../common/domain/tiers.js';
import { CatalogueService } from '../models/catalogue.service.js';
import { decideAvailability } from '../models/domain/availability.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import { decideTierAccess } from '../models/domain/tier-access.js';
import { toModelView } from '../models/model-view.js';
import type { ModelDto, ModelListDto, ModelQueryDto } from '../models/models.dto.js';
import { ModelNotFoundError } from '../models/models.errors.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import { ProviderRegistry } from './providers/provider-registry.js';

/** The catalogue as a user sees it: with what this server can answer and what the user's plan allows. */
@Injectable()
export class ModelListService {
  constructor(
    private readonly catalogue: CatalogueService,
    private readonly providers: ProviderRegistry,
    private readonly subscriptions: SubscriptionService,
  ) {}

  /** Archived models are never listed; legacy ones only when asked for. */
  async list(userId: string, query: ModelQueryDto): Promise<ModelListDto> {
    const tier = await this.tierOf(userId);
    const models = this.catalogue.list().filter((model) => isWanted(model, query));
    return { object: 'list', data: models.map((model) => this.view(model, tier)) };
  }

  /**
   * One model, whatever its state.
   * @throws ModelNotFoundError
   */
  async read(userId: string, id: string): Promise<{ model: CatalogueModel; view: ModelDto }> {
    const model = this.catalogue.find(id);
    if (!model) throw ModelNotFoundError.of(id);
    return { model, view: this.view(model, await this.tierOf(userId)) };
  }

  private view(model: CatalogueModel, tier: Tier): ModelDto {
    return toModelView(model, tier, decideAvailability(model, this.providers.routeOf(model) !== null));
  }

  private async tierOf(userId: string): Promise<Tier> {
    const { tier } = await this.subscriptions.current(userId);
    return tier;
  }
}

function isWanted(model: CatalogueModel, { capability, tier, provider, includeLegacy }: ModelQueryDto): boolean {
  return (
    !model.isArchived &&
    (includeLegacy === 'true' || !model.isLegacy) &&
    (capability === undefined || model.meta.capabilities.includes(capability)) &&
    (tier === undefined || decideTierAccess(model.meta, tier).allowed) &&
    (provider === undefined || model.provider === provider)
  );
}
