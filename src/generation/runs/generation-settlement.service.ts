import { Injectable } from '@nestjs/common';
import { CatalogueService } from '../../models/catalogue.service.js';
import { SubscriptionService } from '../../subscription/subscription.service.js';
import { type Charge, chargeFor } from '../../usage/domain/cost.js';
import { MeteringService, type UsageAttempt } from '../../usage/metering.service.js';
import type { Generation } from './generation.entity.js';
import type { GenerationModel } from './generation-model.entity.js';

/** What is stored of an attempt: its model is named by the row. */
export type StoredAttempt = Omit<UsageAttempt, 'model'>;

/** A model that answered, with what that costs at the price that the hold assumed. */
export interface ChargedModel {
  row: GenerationModel;
  attempt: UsageAttempt;
  charge: Charge;
}

/** As it is stored until it is charged. */
export function storedAttempt({ model: _model, ...attempt }: UsageAttempt): StoredAttempt {
  return attempt;
}

/** Ends the hold of a run. Safe to repeat: a hold is settled once, and a second settlement answers what the first one charged. */
@Injectable()
export class GenerationSettlement {
  constructor(
    private readonly metering: MeteringService,
    private readonly subscriptions: SubscriptionService,
    private readonly catalogue: CatalogueService,
  ) {}

  /** One settlement with a line for each model that answered; whatever the hold had for the others is free again with it. */
  async end(
    { id: requestId, userId }: Generation,
    models: readonly GenerationModel[],
  ): Promise<{ charged: ChargedModel[]; creditsUcr: bigint }> {
    const charged = await this.chargedModels(models);
    if (charged.length === 0) {
      await this.metering.void({ requestId, userId }, 'no_model_answered');
      return { charged, creditsUcr: 0n };
    }
    const { id: subscriptionId } = await this.subscriptions.current(userId);
    const attempts = charged.map(({ attempt }) => attempt);
    const { chargedUcr } = await this.metering.settle({ requestId, userId, attempts, subscriptionId });
    return { charged, creditsUcr: chargedUcr };
  }

  private async chargedModels(models: readonly GenerationModel[]): Promise<ChargedModel[]> {
    const charged: ChargedModel[] = [];
    for (const row of models.filter(({ state }) => state === 'answered')) {
      const current = this.catalogue.find(row.modelId);
      if (!current) throw new Error(`the model ${row.modelId} has left the catalogue`);
      const model = await this.catalogue.atVersion(current, row.modelVersionNo);
      if (!model.prices) throw new Error(`the model ${row.modelId} was asked without a price`);
      const attempt = { ...(row.attempt as StoredAttempt), model };
      charged.push({ row, attempt, charge: chargeFor(model.prices, attempt.usage) });
    }
    return charged;
  }
}
