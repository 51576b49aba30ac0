import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Clock } from '../common/clock.js';
import { isPassingFailure } from '../common/errors/passing-failure.js';
import type { MeteringService, Reservation, Settlement, UsageAttempt } from '../usage/metering.service.js';

/** Waits between attempts while someone waits for the answer: a short trouble of the database must not lose it. */
const SETTLE_RETRY_MS = [50, 250];
/** Waits between attempts that nobody waits for. All of them end before the sweeper would end the hold. */
const LATER_RETRY_MS = [500, 2_000, 5_000, 15_000, 30_000, 60_000, 120_000, 240_000];

const logger = new Logger('OpenHold');

/** A hold under way. It ends exactly once: settled, or voided; a second end is a bug and throws. */
export class OpenHold {
  private hasEnded = false;

  constructor(
    private readonly metering: MeteringService,
    private readonly clock: Clock,
    readonly reservation: Reservation,
    /** How long the reservation took. */
    readonly holdMs: number,
  ) {}

  /** Charges what the attempt used. Durable when it resolves. After a failure the hold is still open. */
  async settle(attempt: UsageAttempt): Promise<Settlement> {
    this.endOnce();
    const { requestId } = this.reservation;
    for (let retry = 0; ; retry += 1) {
      try {
        return await this.charge(attempt);
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
  settleLater(attempt: UsageAttempt): void {
    this.endOnce();
    void insist(() => this.charge(attempt), { requestId: this.reservation.requestId, end: 'settling' });
  }

  /** Gives everything back. Never throws, because the caller is already answering for something else; a failure is tried again later. */
  async void(reason: string): Promise<void> {
    if (this.hasEnded) return;
    this.endOnce();
    await giveBack(this.metering, this.reservation, reason);
  }

  private charge(attempt: UsageAttempt): Promise<Settlement> {
    const { requestId, userId } = this.reservation;
    return this.metering.settle({ requestId, userId, attempts: [attempt], now: this.clock.now() });
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
