import { Injectable } from '@nestjs/common';

/** Real time, always. Sign-in, tokens, throttling and keys run on it: moving the product's clock must not sign anybody out. */
@Injectable()
export class WallClock {
  now(): Date {
    return new Date();
  }
}

/**
 * The product's time: credits, subscriptions, usage, inference. Money statements take its answer as a parameter. It is real time, moved
 * forward by the test clock where the sandbox is on.
 */
@Injectable()
export class Clock {
  private aheadMs = 0;

  constructor(private readonly wall: WallClock = new WallClock()) {}

  now(): Date {
    return new Date(this.wall.now().getTime() + this.aheadMs);
  }

  /** How far it is ahead of real time. */
  get offsetMs(): number {
    return this.aheadMs;
  }

  /** Sets how far it is ahead of real time. Less than before is ignored: time does not go back. */
  moveAhead(offsetMs: number): void {
    this.aheadMs = Math.max(this.aheadMs, offsetMs);
  }
}
