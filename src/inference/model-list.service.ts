import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Tier } from '../common/domain/tiers.js';
import { etagOf } from '../common/http/etag.js';
import { Config } from '../config/config.js';
import { CatalogueService } from '../models/catalogue.service.js';
import { decideAvailability } from '../models/domain/availability.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import { type Capability, CHAT_CAPABILITIES } from '../models/domain/model-meta.js';
import { decideTierAccess } from '../models/domain/tier-access.js';
import { withUnoffered } from '../models/domain/unoffered-parameters.js';
import { toModelView } from '../models/model-view.js';
import type { ModelDto, ModelListDto, ModelQueryDto } from '../models/models.dto.js';
import { ModelNotFoundError } from '../models/models.errors.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import { ProviderRegistry } from './providers/provider-registry.js';

/** A list with the validator that a client sends back to be told that nothing has changed. */
export interface TaggedList {
  list: ModelListDto;
  etag: string;
}

/** More than four tiers with the filters that apps use. */
const LISTS_MAX = 100;

/** The catalogue as a user sees it: with what this server can answer and what the user's plan allows. */
@Injectable()
export class ModelListService {
  /** By what they depend on: one reading of the catalogue, the tier, the filters. */
  private readonly lists = new LRUCache<string, TaggedList>({ max: LISTS_MAX });

  constructor(
    private readonly catalogue: CatalogueService,
    private readonly providers: ProviderRegistry,
    private readonly subscriptions: SubscriptionService,
    private readonly config: Config,
  ) {}

  /** Archived models are never listed; legacy ones only when asked for. */
  async list(userId: string, query: ModelQueryDto): Promise<TaggedList> {
    const tier = await this.tierOf(userId);
    const { generation } = this.providers;
    const key = JSON.stringify([this.catalogue.generation, generation, tier, query]);
    const known = this.lists.get(key);
    if (known) return known;
    const models = this.catalogue.list().filter((model) => isWanted(model, query));
    const list: ModelListDto = { object: 'list', data: models.map((model) => this.view(model, tier)) };
    const tagged = { list, etag: etagOf(list) };
    this.lists.set(key, tagged);
    return tagged;
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
    const route = this.providers.routeOf(model);
    const availability = decideAvailability(model, route !== null);
    const meta = withUnoffered(model.meta, route?.provider.unoffered);
    return toModelView(
      { ...model, meta },
      { tier, availability, outputTokensDefault: this.config.outputTokensDefault },
    );
  }

  private async tierOf(userId: string): Promise<Tier> {
    const { tier } = await this.subscriptions.current(userId);
    return tier;
  }
}

/** A model that chats may call it either way, and is asked to chat whichever it does. */
function synonymsOf(capability: Capability): readonly Capability[] {
  return CHAT_CAPABILITIES.includes(capability) ? CHAT_CAPABILITIES : [capability];
}

function isWanted(model: CatalogueModel, { capability, tier, provider, includeLegacy }: ModelQueryDto): boolean {
  return (
    !model.isArchived &&
    (includeLegacy === 'true' || !model.isLegacy) &&
    (capability === undefined || synonymsOf(capability).some((name) => model.meta.capabilities.includes(name))) &&
    (tier === undefined || decideTierAccess(model.meta, tier).allowed) &&
    (provider === undefined || model.provider === provider)
  );
}
