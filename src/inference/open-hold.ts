import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Clock } from '../common/clock.js';
import type { MeteringService, Reservation, Settlement, UsageAttempt } from '../usage/metering.service.js';

/** Waits between attempts to settle: the answer is owed, so a short trouble of the database must not lose it. */
const SETTLE_RETRY_MS = [50, 250];

/** A hold under way. It ends exactly once: settled, or voided; a second end is a bug and throws. */
export class OpenHold {
  private static readonly logger = new Logger(OpenHold.name);
  private hasEnded = false;

  constructor(
    private readonly metering: MeteringService,
    private readonly clock: Clock,
    readonly reservation: Reservation,
    /** How long the reservation took. */
    readonly holdMs: number,
  ) {}

  /** Charges what the attempt used. Durable when it resolves. A failure leaves the hold to the sweeper: the provider has been paid, so it is never voided. */
  async settle(attempt: UsageAttempt): Promise<Settlement> {
    this.endOnce();
    const { requestId, userId } = this.reservation;
    for (let retry = 0; ; retry += 1) {
      try {
        return await this.metering.settle({ requestId, userId, attempts: [attempt], now: this.clock.now() });
      } catch (error) {
        const waitMs = SETTLE_RETRY_MS[retry];
        OpenHold.logger.error({ err: error, requestId, usage: attempt.usage, retryInMs: waitMs }, 'settling failed');
        if (waitMs === undefined) throw error;
        await sleep(waitMs);
      }
    }
  }

  /** Gives everything back. Never throws, because the caller is already answering for something else; what fails is left to the sweeper. */
  async void(reason: string): Promise<void> {
    if (this.hasEnded) return;
    this.endOnce();
    const { requestId, userId } = this.reservation;
    try {
      await this.metering.void({ requestId, userId }, reason);
    } catch (error) {
      OpenHold.logger.error({ err: error, requestId }, 'voiding failed');
    }
  }

  private endOnce(): void {
    if (this.hasEnded) throw new Error('a hold ends once');
    this.hasEnded = true;
  }
}
