import { randomUUID } from 'node:crypto';
import type { ModelPrices } from '../../src/models/domain/model-prices.js';
import type { Random } from '../../src/simulation/random.js';
import { type Charge, chargeFor, type TokenUsage } from '../../src/usage/domain/cost.js';
import { CopyRows } from './copy-rows.js';
import { uuidAt } from './made-ids.js';
import type { Person } from './made-people.js';

const HOLD_MS = 600_000;
const IMAGE_TOKENS = 765;
/** A few users and models make most of the calls. */
const USER_POWER = 3;
const MODEL_POWER = 2;
/** Calls for a successor that asked for its legacy model. */
const REDIRECTED_SHARE = 0.02;

export interface PricedModel {
  id: string;
  versionNo: number;
  provider: string;
  prices: ModelPrices;
  /** A legacy model that some plans have redirected to this one; null where there is none. */
  legacyId: string | null;
}

type MadeUsage = TokenUsage & { imageTokens: number };

interface Call {
  at: Date;
  /** The same as text: it is in many columns. */
  time: string;
  requestId: string;
  person: Person;
  model: PricedModel;
  usage: MadeUsage;
  charge: Charge;
}

/** Makes calls as the settlement of one writes them: a hold that ended, what its grant paid, and the row of the ledger. */
export class CallMaker {
  /** By the place of the person. */
  readonly spentUcr: bigint[];

  readonly rows = {
    holds: new CopyRows('credit_holds'),
    postings: new CopyRows('credit_postings'),
    calls: new CopyRows('token_usage_ledger'),
  };

  constructor(
    private readonly random: Random,
    private readonly people: readonly Person[],
    private readonly models: readonly PricedModel[],
  ) {
    this.spentUcr = people.map(() => 0n);
  }

  /** Adds so many calls, the first at `from` or up to a step later. */
  make(count: number, { from, stepMs }: { from: number; stepMs: number }): void {
    for (let index = 0; index < count; index += 1) this.add(new Date(from + (index + this.random.next()) * stepMs));
  }

  private add(at: Date): void {
    const { random } = this;
    const place = Math.floor(this.people.length * random.next() ** USER_POWER);
    const person = this.people[place]!;
    const model = this.models[Math.floor(this.models.length * random.next() ** MODEL_POWER)]!;
    const usage = this.usage();
    const charge = chargeFor(model.prices, usage);
    this.spentUcr[place]! += charge.creditsUcr;
    const call = { at, time: at.toISOString(), requestId: uuidAt(at), person, model, usage, charge };
    this.addHold(call);
    if (charge.creditsUcr > 0n) this.addPosting(call);
    this.addUsage(call);
  }

  private addHold({ at, time, requestId, person, model, usage, charge }: Call): void {
    const heldUcr = 2n * charge.creditsUcr;
    this.rows.holds.add({
      user_id: person.userId,
      id: requestId,
      access_id: randomUUID(),
      model_id: model.id,
      model_version_no: model.versionNo,
      amount_ucr: heldUcr,
      bound_tokens: 2 * usage.inputTokens,
      slices: `[{"creditId":"${person.purchaseId}","amountUcr":"${heldUcr}"}]`,
      state: 'settled',
      expires_at: new Date(at.getTime() + HOLD_MS),
      ended_at: time,
      cost_ucr: charge.creditsUcr,
      attempts_charged: 1,
      created_at: time,
      updated_at: time,
    });
  }

  private addPosting({ time, requestId, person, charge }: Call): void {
    this.rows.postings.add({
      user_id: person.userId,
      id: randomUUID(),
      credit_id: person.purchaseId,
      hold_id: requestId,
      kind: 'usage',
      amount_ucr: -charge.creditsUcr,
      created_at: time,
    });
  }

  private addUsage({ at, time, requestId, person, model, usage, charge }: Call): void {
    const latencyMs = this.random.integer(80, 9_000);
    this.rows.calls.add({
      user_id: person.userId,
      created_at: time,
      id: uuidAt(at),
      request_id: requestId,
      hold_id: requestId,
      subscription_id: person.subscriptionId,
      model_id: model.id,
      model_version_no: model.versionNo,
      provider: model.provider,
      operation: 'chat',
      input_tokens: usage.inputTokens,
      cached_input_tokens: usage.cachedInputTokens,
      output_tokens: usage.outputTokens,
      image_count: usage.imageCount,
      image_tokens: usage.imageTokens,
      price_basis: charge.priceBasis,
      credits_ucr: charge.creditsUcr,
      cost_nusd: charge.costNusd,
      usage_source: usage.source,
      outcome: this.random.weighted(OUTCOMES),
      latency_ms: latencyMs,
      first_token_ms: Math.floor(latencyMs / 3),
      metadata: JSON.stringify({ tier: person.tier, holdMs: 4, ...this.redirection(model) }),
    });
  }

  private redirection({ legacyId }: PricedModel): { redirectedFrom?: string } {
    return legacyId !== null && this.random.chance(REDIRECTED_SHARE) ? { redirectedFrom: legacyId } : {};
  }

  private usage(): MadeUsage {
    const textTokens = this.random.integer(50, 4_000);
    const imageCount = this.random.chance(0.05) ? this.random.integer(1, 4) : 0;
    const imageTokens = imageCount * IMAGE_TOKENS;
    return {
      inputTokens: textTokens + imageTokens,
      cachedInputTokens: Math.floor(textTokens / 4),
      cacheWriteTokens: 0,
      imageTokens,
      outputTokens: this.random.integer(1, 1_200),
      reasoningTokens: 0,
      imageCount,
      source: 'provider',
    };
  }
}

const OUTCOMES = [
  ['completed', 98],
  ['client_aborted', 1],
  ['provider_error', 1],
] as const;
