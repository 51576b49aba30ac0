import { Injectable } from '@nestjs/common';
import type { AppError } from '../common/errors/app-error.js';
import type { Tier } from '../common/domain/tiers.js';
import { CatalogueService } from '../models/catalogue.service.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import { ModelNotFoundError } from '../models/models.errors.js';
import { PlanService } from '../subscription/plan.service.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import type { AccessibleChat, FoundChat } from './admitted-chat.js';
import { isPriced, refuseAccess } from './model-access.js';
import type { Prompt } from './prompt.js';
import { ProviderRegistry } from './providers/provider-registry.js';

type Target = 'model' | 'route' | 'tier' | 'redirectedFrom';

/** The model that is called for a user, and why it may not be: null where it may. */
export type ChatTarget =
  { target: Pick<AccessibleChat, Target>; refusal: null } | { target: Pick<FoundChat, Target>; refusal: AppError };

/** What a chat asks of whichever model it goes to. */
export interface ChatWish {
  prompt: Prompt;
  /** Whether a model takes the parameters as they were sent. */
  suits(model: CatalogueModel): boolean;
  /** This model alone, also where the plan has the successor of a legacy one called: what is held is held for it, at its own price. */
  isFixed?: boolean;
}

/** Finds the model that a chat goes to. */
@Injectable()
export class ChatTargetService {
  constructor(
    private readonly catalogue: CatalogueService,
    private readonly subscriptions: SubscriptionService,
    private readonly plans: PlanService,
    private readonly providers: ProviderRegistry,
  ) {}

  /** @throws ModelNotFoundError */
  async find(idOrAlias: string, userId: string, wish: ChatWish): Promise<ChatTarget> {
    const asked = this.catalogue.find(idOrAlias);
    if (!asked) throw ModelNotFoundError.of(idOrAlias);
    const { tier } = await this.subscriptions.current(userId);
    const successor = asked.isLegacy && !wish.isFixed ? await this.successorFor(asked, tier, wish) : null;
    const model = successor ?? asked;
    const route = this.providers.routeOf(model);
    const refusal = this.refuse(model, tier, wish.prompt);
    const terms = { tier, ...(successor && { redirectedFrom: asked }) };
    if (refusal) return { target: { ...terms, model, route }, refusal };
    if (!route || !isPriced(model)) throw new Error(`${model.id} may be called without a price or a provider`);
    return { target: { ...terms, model, route }, refusal };
  }

  /**
   * What the plan has called in place of a legacy model; null where it does not, or where the successor would refuse a request that the
   * legacy model takes.
   */
  private async successorFor(asked: CatalogueModel, tier: Tier, wish: ChatWish): Promise<CatalogueModel | null> {
    const { redirectLegacyModels } = await this.plans.of(tier);
    const successor = redirectLegacyModels ? this.catalogue.successorOf(asked) : undefined;
    if (!successor || this.refuse(successor, tier, wish.prompt)) return null;
    const isKept = wish.suits(asked) && !wish.suits(successor) && !this.refuse(asked, tier, wish.prompt);
    return isKept ? null : successor;
  }

  private refuse(model: CatalogueModel, tier: Tier, prompt: Prompt): AppError | null {
    return refuseAccess(model, { tier, isServed: this.providers.routeOf(model) !== null, prompt });
  }
}
