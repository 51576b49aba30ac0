import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import type { Tier } from '../common/domain/tiers.js';
import type { AppError } from '../common/errors/app-error.js';
import { newId } from '../common/ids.js';
import type { RequestLimits, ReserveMember, SettleMember } from '../credits/hold.repository.js';
import { HoldService } from '../credits/hold.service.js';
import type { ChargedAttempt } from '../credits/settle-call.js';
import type { CatalogueModel } from '../models/domain/catalogue-model.js';
import type { Plan } from '../subscription/plan.entity.js';
import { PlanService } from '../subscription/plan.service.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import { chargeFor, type TokenUsage } from './domain/cost.js';
import { refusalOf } from './reserve-refusal.js';
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
  ttlMs: number;
  now: Date;
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
  now: Date;
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

/** The money transactions of a request: reserve before the provider is called, settle or void after. */
@Injectable()
export class MeteringService {
  private readonly logger = new Logger(MeteringService.name);
  /** The holds of requests in flight, so that settling can put back one that a database crash lost. */
  private readonly carried = new LRUCache<string, CarriedHold>({ max: CARRIED_HOLDS_MAX });

  constructor(
    private readonly holds: HoldService,
    private readonly subscriptions: SubscriptionService,
    private readonly plans: PlanService,
    private readonly clock: Clock,
  ) {}

  /**
   * Holds the upper bound of a request, in one round trip.
   * @throws InsufficientCreditsError, DebtOutstandingError, RateLimitedError, SubscriptionInactiveError, AccountSuspendedError,
   * AccessRevokedError. A refusal changes nothing.
   */
  async reserve(request: ReserveRequest): Promise<Reservation> {
    const member = await this.toMember(request);
    // An allowance that begins after the request's own instant could not pay for it.
    const { id: subscriptionId } = await this.subscriptions.current(request.userId, request.now);
    const result = await this.holds.reserve(member, request.now);
    if (result.outcome !== 'held') throw refusalOf(result, request);
    const { requestId, userId, amountUcr, now } = request;
    this.carried.set(requestId, { ...member, heldAt: now, subscriptionId });
    return { requestId, userId, amountUcr, heldAt: now, availableUcr: result.availableUcr };
  }

  /** Why `reserve` would refuse now, or null. Nothing is kept. */
  async preview(request: ReserveRequest): Promise<AppError | null> {
    await this.subscriptions.current(request.userId, request.now);
    const result = await this.holds.preview(await this.toMember(request), request.now);
    return result.outcome === 'held' ? null : refusalOf(result, request);
  }

  /** Charges a request and writes its usage; durable when it resolves. A second call answers what the first one charged. */
  async settle(request: SettleRequest): Promise<Settlement> {
    const { requestId, userId, now } = request;
    const carried = this.carried.get(requestId) ?? null;
    const subscriptionId = carried?.subscriptionId ?? null;
    const attempts = request.attempts.map((attempt) => toCharged(attempt, subscriptionId));
    const result = await this.holds.settle({ id: requestId, userId, state: 'settled', attempts, hold: carried }, now);
    this.carried.delete(requestId);
    if (result.state !== 'settled' && result.state !== 'settled_late') {
      throw new Error(`request ${requestId} cannot be charged: its hold is ${result.state ?? 'unknown'}`);
    }
    const { costUcr: chargedUcr, availableUcr, newDebtUcr, state } = result;
    return { chargedUcr, availableUcr, newDebtUcr, state };
  }

  /** Gives a hold back whole. A hold that has ended stays as it is. */
  async void(hold: { requestId: string; userId: string }, reason: string): Promise<void> {
    const { requestId, userId } = hold;
    await this.holds.settle({ id: requestId, userId, state: 'voided', attempts: [], hold: null }, this.clock.now());
    this.carried.delete(requestId);
    this.logger.debug({ requestId, reason }, 'a hold was given back');
  }

  private async toMember(request: ReserveRequest): Promise<ReserveMember> {
    const { requestId, userId, accessId, model, amountUcr, boundTokens, now } = request;
    return {
      id: requestId,
      userId,
      accessId,
      modelId: model.id,
      modelVersionNo: model.versionNo,
      amountUcr,
      boundTokens,
      expiresAt: new Date(now.getTime() + request.ttlMs),
      limits: limitsOf(await this.plans.of(request.tier)),
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
