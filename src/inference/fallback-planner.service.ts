import { Injectable } from '@nestjs/common';
import { AppError } from '../common/errors/app-error.js';
import { CatalogueService } from '../models/catalogue.service.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import { FALLBACKS_MAX } from '../models/domain/model-meta.js';
import { AdmissionService } from './admission.service.js';
import type { ChatCall } from './chat-call.js';
import { HoldPlanner, type HoldPlan } from './hold-planner.service.js';
import { type PricedModel, refuseAccess } from './model-access.js';
import { ProviderRegistry } from './providers/provider-registry.js';

/** A call as it is tried, and what it may cost there. */
export interface PlannedCall {
  call: ChatCall;
  plan: HoldPlan;
}

/** Finds the models that may answer in the place of one whose provider fails, as the catalogue lists them. */
@Injectable()
export class FallbackPlanner {
  constructor(
    private readonly catalogue: CatalogueService,
    private readonly providers: ProviderRegistry,
    private readonly admission: AdmissionService,
    private readonly planner: HoldPlanner,
  ) {}

  /**
   * The calls that may follow, best first: to models that this caller may use, that no budget stops, that take the request as it is, and that
   * cannot cost more than is held. Images were measured for the first model and count differently elsewhere, so such a request stays where it is.
   */
  async *candidates({ call, plan }: PlannedCall): AsyncGenerator<PlannedCall> {
    if (call.chat.prompt.images.length > 0) return;
    let attemptNo = 1;
    for (const id of fallbacksOf(call.chat.model)) {
      const next = await this.plan(call, id);
      if (!next || next.plan.amountUcr > plan.amountUcr) continue;
      attemptNo += 1;
      yield { plan: next.plan, call: { ...next.call, attemptNo } };
    }
  }

  /** Null where the model would refuse the request. */
  private async plan(call: ChatCall, id: string): Promise<PlannedCall | null> {
    const { chat } = call;
    const model = this.catalogue.find(id);
    const route = model && this.providers.routeOf(model);
    if (!route || model.id === chat.model.id) return null;
    if (refuseAccess(model, { tier: chat.tier, isServed: true, prompt: chat.prompt })) return null;
    if (this.admission.stopOf(model, call.userId, chat.tier)) return null;
    const moved = { ...chat, model: model as PricedModel, route, redirectedFrom: chat.redirectedFrom ?? chat.model };
    try {
      const admitted = this.admission.resolve(moved, 'reject');
      return { call: { ...call, chat: admitted }, plan: await this.planner.plan(admitted) };
    } catch (error) {
      if (error instanceof AppError) return null;
      throw error;
    }
  }
}

/** `meta.providerMetadata.fallbacks`: ids of models. What is no id, from before that was checked, is passed over. */
export function fallbacksOf({ meta }: CatalogueModel): string[] {
  const listed: unknown = meta.providerMetadata?.['fallbacks'];
  if (!Array.isArray(listed)) return [];
  return listed.filter((id): id is string => typeof id === 'string').slice(0, FALLBACKS_MAX);
}
