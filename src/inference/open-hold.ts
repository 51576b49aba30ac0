import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { isPassingFailure } from '../common/errors/passing-failure.js';
import type { ApiUsageCounter } from '../monitoring/api-usage/api-usage-counter.service.js';
import { chargeFor } from '../usage/domain/cost.js';
import type {
  MeteringService,
  Reservation,
  SettleRequest,
  Settlement,
  UsageAttempt,
} from '../usage/metering.service.js';

/** Waits between attempts while someone waits for the answer: a short trouble of the database must not lose it. */
const SETTLE_RETRY_MS = [50, 250];
/** Waits between attempts that nobody waits for. Meanwhile the hold is extended, as far as the database lets. */
const LATER_RETRY_MS = [500, 2_000, 5_000, 15_000, 30_000, 60_000, 120_000, 240_000];

/** The client's key with the answer that is kept for it. */
export type KeptForKey = SettleRequest['kept'];

const logger = new Logger('OpenHold');

/** Of a hold's life: one extension may fail, and the next still comes in time. */
const EXTENDED_EACH = 1 / 3;
/** Longer than the longest answer and all attempts to settle it: a hold that is open then was forgotten, and is left to the sweeper. */
const EXTENDED_MS_MAX = 1_200_000;

/**
 * A hold under way. It ends exactly once: settled, or voided; a second end is a bug and throws. Until then it is extended, however long the
 * answer takes: a hold is short so that a killed process binds its users' credits for a short time only.
 */
export class OpenHold {
  private hasEnded = false;
  private readonly extender: NodeJS.Timeout;
  private readonly openedAtMs = performance.now();

  constructor(
    private readonly metering: MeteringService,
    readonly reservation: Reservation,
    /** How long the reservation took, and how long the hold lives unless it is extended. */
    private readonly times: { holdMs: number; ttlMs: number },
    private readonly apiUsage: ApiUsageCounter,
  ) {
    this.extender = setInterval(() => void this.extend(), times.ttlMs * EXTENDED_EACH);
    this.extender.unref();
  }

  get holdMs(): number {
    return this.times.holdMs;
  }

  /** Charges what the attempt used. Durable when it resolves. After a failure the hold is still open. */
  async settle(attempt: UsageAttempt, kept?: KeptForKey): Promise<Settlement> {
    this.endOnce();
    const { requestId } = this.reservation;
    for (let retry = 0; ; retry += 1) {
      try {
        const settlement = await this.charge(attempt, kept);
        clearInterval(this.extender);
        return settlement;
      } catch (error) {
        const waitMs = SETTLE_RETRY_MS[retry];
        logger.error({ err: error, requestId, usage: attempt.usage, retryInMs: waitMs }, 'settling failed');
        if (waitMs === undefined) {
          this.hasEnded = false;
          throw error;
        }
        await sleep(waitMs);
      }
    }
  }

  /** Charges an answer that was delivered although it could not be settled: tried on until the database is back, without waiting for it. */
  settleLater(attempt: UsageAttempt, kept?: KeptForKey): void {
    this.endOnce();
    const { requestId } = this.reservation;
    void insist(() => this.charge(attempt, kept), { requestId, end: 'settling' }).finally(() =>
      clearInterval(this.extender),
    );
  }

  /** Gives everything back. Never throws, because the caller is already answering for something else; a failure is tried again later. */
  async void(reason: string): Promise<void> {
    if (this.hasEnded) return;
    this.endOnce();
    clearInterval(this.extender);
    await giveBack(this.metering, this.reservation, reason);
  }

  private async charge(attempt: UsageAttempt, kept: KeptForKey): Promise<Settlement> {
    const { requestId, userId } = this.reservation;
    const settlement = await this.metering.settle({ requestId, userId, attempts: [attempt], ...(kept && { kept }) });
    this.count(attempt);
    return settlement;
  }

  private count({ model: { prices }, usage }: UsageAttempt): void {
    if (!prices) return;
    const tokens = usage.inputTokens + usage.outputTokens;
    this.apiUsage.charge(this.reservation.userId, { tokens, costNusd: chargeFor(prices, usage).costNusd });
  }

  private async extend(): Promise<void> {
    const { requestId, userId } = this.reservation;
    if (performance.now() - this.openedAtMs > EXTENDED_MS_MAX) {
      clearInterval(this.extender);
      logger.error({ requestId }, 'a hold was never ended');
      return;
    }
    try {
      await this.metering.extend(requestId, userId, this.times.ttlMs);
    } catch (error) {
      // The next one may succeed; and what expired all the same is charged late.
      logger.warn({ err: error, requestId }, 'a hold could not be extended');
    }
  }

  private endOnce(): void {
    if (this.hasEnded) throw new Error('a hold ends once');
    this.hasEnded = true;
  }
}

/** Voids a hold, also one of which nobody knows whether it was taken. It resolves after the first attempt and never rejects. */
export async function giveBack(
  metering: MeteringService,
  hold: { requestId: string; userId: string },
  reason: string,
): Promise<void> {
  const { requestId, userId } = hold;
  const voided = () => metering.void({ requestId, userId }, reason);
  try {
    await voided();
  } catch (error) {
    logger.error({ err: error, requestId }, 'voiding failed');
    if (isPassingFailure(error)) void insist(voided, { requestId, end: 'voiding' });
  }
}

/** Tries on while the trouble is one that passes. What is not done by the last attempt, or when the process stops, is left to the sweeper. */
async function insist(work: () => Promise<unknown>, about: { requestId: string; end: string }): Promise<void> {
  for (const waitMs of LATER_RETRY_MS) {
    await sleep(waitMs, undefined, { ref: false });
    try {
      await work();
      return;
    } catch (error) {
      logger.error({ err: error, ...about }, 'a hold could not be ended later');
      if (!isPassingFailure(error)) return;
    }
  }
}
