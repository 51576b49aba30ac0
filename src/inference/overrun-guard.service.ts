import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { CreditsService } from '../credits/credits.service.js';
import { dearestRates } from '../usage/domain/cost.js';
import type { HoldRequest } from './chat-hold.service.js';
import type { HoldPlan } from './hold-planner.service.js';
import { CreditsRanOutError } from './inference.errors.js';
import { TokenCounter } from './token-counter.service.js';

/** Vocabularies differ: no known one makes half as many tokens of a text as the one that is counted with here. */
const TOLERANCE = 2;
/** So much more text is waited for at least before it is counted again. */
const STEP_BYTES = 1_024;

/**
 * Ends streams that cost more than their user has. A hold covers the output limit that was sent, so only a provider that ignores the limit
 * gets there. One that keeps it costs at most a count or two, in the counter's thread.
 */
@Injectable()
export class OverrunGuard {
  constructor(
    private readonly counter: TokenCounter,
    private readonly credits: CreditsService,
    private readonly clock: Clock,
  ) {}

  watch({ chat, userId }: HoldRequest, plan: HoldPlan): OverrunWatch {
    const limitTokens = plan.outputTokens * plan.choices;
    const { outputUcr } = dearestRates(chat.model.prices, plan.inputTokens);
    return new OverrunWatch(outputUcr === 0n ? Infinity : limitTokens * TOLERANCE, {
      count: async (text) => (await this.counter.count([[text]]))?.[0] ?? null,
      pay: async (tokens) => {
        const neededUcr = outputUcr * BigInt(tokens - limitTokens);
        const { availableUcr, nextGrantAt } = await this.credits.balance(userId, this.clock.now());
        if (availableUcr < neededUcr)
          throw new CreditsRanOutError({ limitTokens, neededUcr, availableUcr, nextGrantAt });
      },
    });
  }
}

interface Overrun {
  /** Null where there was no time to count. */
  count(text: string): Promise<number | null>;
  /** @throws CreditsRanOutError where nothing is left to pay this many tokens in all with. */
  pay(tokens: number): Promise<void>;
}

/** One stream's text. It is counted only where it has more bytes than it may have tokens, because a token is a byte at least. */
export class OverrunWatch {
  private bytes = 0;
  private tokens = 0;
  private uncounted = '';
  private countAtBytes: number;

  constructor(
    private readonly tokensMax: number,
    private readonly overrun: Overrun,
  ) {
    this.countAtBytes = tokensMax + 1;
  }

  /** Null where nothing is to be waited for, which is nearly always. @throws CreditsRanOutError */
  note(text: string): Promise<void> | null {
    this.bytes += Buffer.byteLength(text);
    this.uncounted += text;
    return this.bytes < this.countAtBytes ? null : this.count();
  }

  private async count(): Promise<void> {
    const counted = await this.overrun.count(this.uncounted);
    if (counted !== null) {
      this.tokens += counted;
      this.uncounted = '';
    }
    this.countAtBytes = this.bytes + Math.max(STEP_BYTES, this.tokensMax - this.tokens);
    if (this.tokens > this.tokensMax) await this.overrun.pay(this.tokens);
  }
}
