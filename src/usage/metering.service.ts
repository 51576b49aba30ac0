import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import { formatCredits } from '../common/domain/micro-credits.js';
import type { Tier } from '../common/domain/tiers.js';
import type { AppError } from '../common/errors/app-error.js';
import { newId } from '../common/ids.js';
import type { IdempotencyClaim, RequestLimits, SettleMember } from '../credits/hold.repository.js';
import type { ChargedAttempt } from '../credits/settle-call.js';
import { type OpenSpan, Tracing } from '../monitoring/tracing/tracing.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import type { Plan } from '../subscription/plan.entity.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import { AnsweredBefore } from './answered-before.js';
import { chargeFor, type TokenUsage } from './domain/cost.js';
import { type LimitState, limitStates } from './domain/limit-state.js';
import { ExhaustedLimits } from './exhausted-limits.js';
import { HoldBatches, type ReserveAnswer, type ReserveOrder } from './hold-batches.service.js';
import { refusalOf } from './reserve-refusal.js';
import { RateLimitedError } from './usage.errors.js';
import type { UsageOperation, UsageOutcome } from './token-usage.entity.js';

export interface ReserveRequest {
  /** A UUIDv7 made by the server: the hold's id and the receipt's key. */
  requestId: string;
  userId: string;
  /** The `auth_grants` or `api_keys` id behind the token. */
  accessId: string;
  /** As the guards saw it: its plan's limits apply. */
  tier: Tier;
  model: { id: string; versionNo: number };
  /** The most the request can cost. */
  amountUcr: bigint;
  /** The most tokens it can use, for the limits per minute, day and month. */
  boundTokens: number;
  /** How long the hold lives unless it is extended. */
  ttlMs: number;
  /** Whether the work waits for its turn: then it is none of the plan's concurrent requests until it is marked as under way. */
  isWaiting?: boolean;
  /** The client's own key, where it sent one. */
  idempotency?: IdempotencyClaim | undefined;
  /** What would pass with this balance, for the refusal. */
  largestMaxTokens?: (availableUcr: bigint) => number | null;
}

export interface Reservation {
  requestId: string;
  userId: string;
  amountUcr: bigint;
  heldAt: Date;
  /** After this hold. */
  availableUcr: bigint;
  /** Every limit of the plan, this request included. */
  limits: readonly LimitState[];
}

export interface UsageAttempt {
  attemptNo: number;
  /** As it was when the hold was taken: its price version is the one charged. */
  model: CatalogueModel;
  provider: string;
  providerRequestId: string | null;
  operation: Exclude<UsageOperation, 'completion'>;
  usage: TokenUsage;
  outcome: UsageOutcome;
  latencyMs: number;
  firstTokenMs: number | null;
  metadata: Record<string, unknown>;
}

export interface SettleRequest {
  requestId: string;
  userId: string;
  /** One per attempt that a provider charges. */
  attempts: UsageAttempt[];
  /** Whose allowance it was, where another process took the hold. */
  subscriptionId?: string;
  /** The client's key with the answer that is kept for it; what was charged is added to its headers. */
  kept?: SettleMember['idempotency'];
}

export interface Settlement {
  chargedUcr: bigint;
  availableUcr: bigint;
  newDebtUcr: bigint;
  state: 'settled' | 'settled_late';
}

/** Far more than one process has in flight: what is left behind here belongs to requests whose end failed. */
const CARRIED_HOLDS_MAX = 10_000;

/** What a request in flight knows of its hold. */
type CarriedHold = NonNullable<SettleMember['hold']> & { subscriptionId: string };

/**
 * Answers that something must be done before a hold can be taken, and then tried again: one round each for an account to be opened and for
 * periods to be closed, and some for a clock that passes a period's end meanwhile.
 */
const RESERVE_ROUNDS_MAX = 4;

/** The money transactions of a request: reserve before the provider is called, settle or void after. */
@Injectable()
export class MeteringService {
  private readonly logger = new Logger(MeteringService.name);
  /** The holds of requests in flight, so that settling can put back one that a database crash lost. */
  private readonly carried = new LRUCache<string, CarriedHold>({ max: CARRIED_HOLDS_MAX });
  private readonly exhausted = new ExhaustedLimits();
  /** By user: many requests that find the same period due close it once. */
  private readonly closing = new Map<string, Promise<unknown>>();

  constructor(
    private readonly batches: HoldBatches,
    private readonly subscriptions: SubscriptionService,
    private readonly tracing: Tracing,
    private readonly clock: Clock,
  ) {}

  /**
   * Holds the upper bound of a request, in one round trip that it shares with whoever reserves at the same time.
   * @throws InsufficientCreditsError, DebtOutstandingError, RateLimitedError, SubscriptionInactiveError, AccountSuspendedError,
   * AccessRevokedError, IdempotencyInProgressError, IdempotencyMismatchError, OverloadedError. A refusal changes nothing. AnsweredBefore where
   * the client's key has its answer.
   */
  reserve(request: ReserveRequest): Promise<Reservation> {
    return this.tracing.step('reserve', (span) => this.hold(request, span));
  }

  /**
   * Why every request of the user is refused now, as far as this process knows without asking: a limit of requests that the database said a
   * moment ago is used up. Null where only `reserve` can tell.
   */
  async refusedAlready(userId: string, now: Date): Promise<RateLimitedError | null> {
    if (!this.exhausted.has(userId)) return null;
    const { limits } = await this.limitsOf(userId, now);
    const state = this.exhausted.find(userId, limits, now);
    return state && new RateLimitedError({ state, needed: 1, now });
  }

  /** The limits of the plan that the user has at `now`. */
  async limitsOf(userId: string, now: Date): Promise<{ tier: Tier; limits: RequestLimits }> {
    const { tier } = await this.subscriptions.current(userId, now);
    return { tier, limits: limitsOf(await this.subscriptions.planOf({ tier })) };
  }

  /** Why `reserve` would refuse now, or null. Nothing is kept. */
  async preview(request: ReserveRequest): Promise<AppError | null> {
    const order = await this.toOrder(request);
    const { answer } = await this.whenPrepared(request.userId, () => this.batches.preview(order));
    return answer.result.outcome === 'held' ? null : this.refusal(request, answer);
  }

  /** Charges a request and writes its usage; durable when it resolves. A second call answers what the first one charged. */
  settle(request: SettleRequest): Promise<Settlement> {
    return this.tracing.step('settle', (span) => this.charge(request, span));
  }

  /** Gives a hold back whole. A hold that has ended stays as it is. */
  async void(hold: { requestId: string; userId: string }, reason: string): Promise<void> {
    const { requestId, userId } = hold;
    await this.tracing.step('void', () =>
      this.batches.settle({ id: requestId, userId, state: 'voided', attempts: [], hold: null }),
    );
    this.carried.delete(requestId);
    this.logger.debug({ requestId, reason }, 'a hold was given back');
  }

  /**
   * Lets the hold of a request that is still under way live for `ttlMs` from now on; never shorter than it would. False for a hold that has
   * ended, or is being ended at this moment.
   */
  extend(requestId: string, userId: string, ttlMs: number): Promise<boolean> {
    return this.batches.extend({ id: requestId, userId, ttlMs });
  }

  /** Counts the hold of work that begins now, or waits again, as a concurrent request, or no more. */
  markWaiting({ requestId, userId }: { requestId: string; userId: string }, isWaiting: boolean): Promise<void> {
    return this.batches.markWaiting({ id: requestId, userId, isWaiting });
  }

  private async hold(request: ReserveRequest, span: OpenSpan): Promise<Reservation> {
    span.note({ 'tollgate.model': request.model.id, 'tollgate.credits.asked': formatCredits(request.amountUcr) });
    const order = await this.toOrder(request);
    const { answer, subscriptionId } = await this.whenPrepared(request.userId, () => this.batches.reserve(order));
    const { result, at: heldAt, expiresAt } = answer;
    if (result.outcome === 'replay' && result.claimedBy !== null) {
      throw new AnsweredBefore(result.claimedBy, result.availableUcr);
    }
    if (result.outcome === 'limited') this.noteLimits(order, answer);
    if (result.outcome !== 'held') throw await this.refusal(request, answer);
    const { requestId, userId, amountUcr } = request;
    const limits = this.noteLimits(order, answer);
    this.carried.set(requestId, { ...order, expiresAt, heldAt, subscriptionId });
    return { requestId, userId, amountUcr, heldAt, availableUcr: result.availableUcr, limits };
  }

  /** The database knows when the period ends, and not whether what follows brings credits. */
  private async refusal(request: ReserveRequest, { result, at }: ReserveAnswer): Promise<AppError> {
    const isTold = result.nextGrantAt && (await this.subscriptions.hasAllowanceToCome(request.userId, at));
    return refusalOf({ ...result, nextGrantAt: isTold ? result.nextGrantAt : null }, { ...request, now: at });
  }

  private async charge(request: SettleRequest, span: OpenSpan): Promise<Settlement> {
    const { requestId, userId } = request;
    const carried = this.carried.get(requestId) ?? null;
    const subscriptionId = request.subscriptionId ?? carried?.subscriptionId ?? null;
    const attempts = request.attempts.map((attempt) => toCharged(attempt, subscriptionId));
    if (carried && this.isBeyond(carried, attempts)) await this.prepareBeyond(userId);
    const result = await this.batches.settle({
      id: requestId,
      userId,
      state: 'settled',
      attempts,
      hold: carried,
      ...(request.kept && { idempotency: withCharge(request.kept, attempts) }),
    });
    this.carried.delete(requestId);
    if (result.state !== 'settled' && result.state !== 'settled_late') {
      throw new Error(`request ${requestId} cannot be charged: its hold is ${result.state ?? 'unknown'}`);
    }
    const { costUcr: chargedUcr, availableUcr, newDebtUcr, state } = result;
    span.note({ 'tollgate.credits.charged': formatCredits(chargedUcr) });
    return { chargedUcr, availableUcr, newDebtUcr, state };
  }

  /** Whether other credits than the held ones will pay: the cost is more than the hold, or the hold is over. */
  private isBeyond(hold: CarriedHold, attempts: readonly ChargedAttempt[]): boolean {
    const costUcr = attempts.reduce((sum, { creditsUcr }) => sum + creditsUcr, 0n);
    return costUcr > hold.amountUcr || hold.expiresAt <= this.clock.now();
  }

  /**
   * A period that has ended meanwhile is closed first: what is carried over comes before what was bought. The charge itself waits for nothing
   * else and does not fail with it.
   */
  private async prepareBeyond(userId: string): Promise<void> {
    try {
      await this.closeDuePeriods(userId, this.clock.now());
    } catch (error) {
      this.logger.warn({ err: error, userId }, 'a cost beyond its hold is charged before the period is closed');
    }
  }

  /** The answer of `attempt`, after opening the account or closing the periods that it asks for: the user sees nothing of either. */
  private async whenPrepared(
    userId: string,
    attempt: () => Promise<ReserveAnswer>,
  ): Promise<{ answer: ReserveAnswer; subscriptionId: string }> {
    for (let round = 1; ; round += 1) {
      const { id: subscriptionId } = await this.subscriptions.current(userId);
      const answer = await attempt();
      const { outcome } = answer.result;
      const isLast = round >= RESERVE_ROUNDS_MAX;
      if (!isLast && outcome === 'period_due') await this.closeDuePeriods(userId, answer.at);
      else if (!isLast && outcome === 'no_account') await this.subscriptions.ensureSubscription(userId, answer.at);
      else return { answer, subscriptionId };
    }
  }

  private noteLimits({ userId, limits }: ReserveOrder, { result, at }: ReserveAnswer): LimitState[] {
    const states = result.used ? limitStates(limits, result.used, at) : [];
    this.exhausted.note(userId, states);
    return states;
  }

  private async closeDuePeriods(userId: string, now: Date): Promise<void> {
    const underWay = this.closing.get(userId);
    if (underWay) return void (await underWay);
    const closing = this.subscriptions.closeDuePeriods(userId, now).finally(() => this.closing.delete(userId));
    this.closing.set(userId, closing);
    await closing;
  }

  private async toOrder(request: ReserveRequest): Promise<ReserveOrder> {
    const { requestId, userId, accessId, model, amountUcr, boundTokens, ttlMs, isWaiting, idempotency } = request;
    return {
      id: requestId,
      userId,
      accessId,
      modelId: model.id,
      modelVersionNo: model.versionNo,
      amountUcr,
      boundTokens,
      ttlMs,
      limits: limitsOf(await this.subscriptions.planOf(request)),
      ...(isWaiting && { isWaiting }),
      ...(idempotency && { idempotency }),
    };
  }
}

function limitsOf(plan: Plan): RequestLimits {
  return {
    concurrentRequests: plan.concurrentRequests,
    requestsPerMinute: plan.requestsPerMinute,
    tokensPerMinute:
      plan.tokensPerMinute === null || plan.tokensPerMinute === undefined ? null : BigInt(plan.tokensPerMinute),
    requestsPerDay: plan.requestsPerDay ?? null,
    tokensPerDay: plan.tokensPerDay ?? null,
    requestsPerMonth: plan.requestsPerMonth ?? null,
    tokensPerMonth: plan.tokensPerMonth ?? null,
  };
}

/** The charge is known to the transaction that keeps the answer, not before. */
function withCharge(
  kept: NonNullable<SettleMember['idempotency']>,
  attempts: readonly ChargedAttempt[],
): NonNullable<SettleMember['idempotency']> {
  const charged = formatCredits(attempts.reduce((sum, { creditsUcr }) => sum + creditsUcr, 0n));
  const { answer } = kept;
  return { ...kept, answer: { ...answer, headers: { ...answer.headers, 'x-credits-charged': charged } } };
}

function toCharged(attempt: UsageAttempt, subscriptionId: string | null): ChargedAttempt {
  const { model, usage } = attempt;
  if (!model.prices) throw new Error(`model ${model.id} was called without a price`);
  return {
    id: newId(),
    attemptNo: attempt.attemptNo,
    subscriptionId,
    modelId: model.id,
    modelVersionNo: model.versionNo,
    provider: attempt.provider,
    providerRequestId: attempt.providerRequestId,
    operation: attempt.operation,
    inputTokens: usage.inputTokens,
    cachedInputTokens: usage.cachedInputTokens,
    cacheWriteTokens: usage.cacheWriteTokens,
    outputTokens: usage.outputTokens,
    reasoningTokens: usage.reasoningTokens,
    imageCount: usage.imageCount,
    imageTokens: usage.imageTokens ?? 0,
    ...chargeFor(model.prices, usage),
    usageSource: usage.source,
    outcome: attempt.outcome,
    latencyMs: attempt.latencyMs,
    firstTokenMs: attempt.firstTokenMs,
    metadata: attempt.metadata,
  };
}
