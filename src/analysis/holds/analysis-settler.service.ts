import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CatalogueService } from '../../models/catalogue.service.js';
import { SubscriptionService } from '../../subscription/subscription.service.js';
import { chargeFor } from '../../usage/domain/cost.js';
import { MeteringService, type UsageAttempt } from '../../usage/metering.service.js';
import { Analysis, type AnalysisCharge, type ModelAnswer } from '../analysis.entity.js';

/** What the calls of an analysis came to, as its row keeps it. */
export interface AnalysisUse {
  modelType: string;
  modelVersion: string;
  requestTokens: number;
  responseTokens: number;
  tokensUsed: number;
  responseMs: number;
  apiCostNusd: bigint;
  creditsUcr: bigint;
}

/** Ends the holds of analyses, each once: by a charge, or by giving it back. */
@Injectable()
export class AnalysisSettler {
  constructor(
    private readonly em: EntityManager,
    private readonly metering: MeteringService,
    private readonly catalogue: CatalogueService,
    private readonly subscriptions: SubscriptionService,
  ) {}

  /** Charges every call of an answer that is kept. A second time it answers what the first one charged. */
  async charge({ holdId, userId }: Analysis, { charges }: ModelAnswer): Promise<AnalysisUse> {
    if (!holdId) throw new Error('an analysis without a hold is charged');
    const attempts = await Promise.all(charges.map((charge) => this.toAttempt(charge)));
    const { id: subscriptionId } = await this.subscriptions.current(userId);
    const { chargedUcr } = await this.metering.settle({ requestId: holdId, userId, attempts, subscriptionId });
    return useOf(attempts, chargedUcr);
  }

  /** Gives back the hold of an analysis that has ended without a charge. What fails here is done by the sweep. */
  async release({ id, holdId, userId }: Pick<Analysis, 'id' | 'holdId' | 'userId'>, reason: string): Promise<void> {
    if (!holdId) return;
    await this.metering.void({ requestId: holdId, userId }, reason);
    await this.em.fork().nativeUpdate(Analysis, { id, holdId }, { isHoldOpen: false });
  }

  private async toAttempt({ modelId, modelVersionNo, ...charge }: AnalysisCharge): Promise<UsageAttempt> {
    const model = this.catalogue.find(modelId);
    if (!model) throw new Error(`the model ${modelId} of a charge is not in the catalogue`);
    return { ...charge, model: await this.catalogue.atVersion(model, modelVersionNo) };
  }
}

function useOf(attempts: readonly UsageAttempt[], creditsUcr: bigint): AnalysisUse {
  const sum = (pick: (attempt: UsageAttempt) => number): number =>
    attempts.reduce((total, one) => total + pick(one), 0);
  const last = attempts.at(-1);
  if (!last) throw new Error('an answer without a call');
  const requestTokens = sum(({ usage }) => usage.inputTokens);
  const responseTokens = sum(({ usage }) => usage.outputTokens);
  return {
    modelType: last.model.id,
    modelVersion: last.model.name,
    requestTokens,
    responseTokens,
    tokensUsed: requestTokens + responseTokens,
    responseMs: sum(({ latencyMs }) => latencyMs),
    apiCostNusd: attempts.reduce((total, { model, usage }) => total + chargeFor(model.prices!, usage).costNusd, 0n),
    creditsUcr,
  };
}
