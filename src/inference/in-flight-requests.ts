import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { goingDown } from '../common/http/closing.js';
import { TimeLimit } from './providers/time-limit.js';

/**
 * How long a stopping process waits for what it has begun, and then for what it cut off to be settled: together less than the half minute
 * that orchestrators usually give.
 */
const PATIENCE_MS = 20_000;
const SETTLE_MS = 5_000;

/** What this process has begun and must settle before it may stop: also streams whose client has left. */
@Injectable()
export class InFlightRequests implements BeforeApplicationShutdown {
  private readonly logger = new Logger(InFlightRequests.name);
  private count = 0;
  private isStopping = false;
  private whenEmpty: (() => void) | null = null;
  private readonly limits = new Set<TimeLimit>();
  private isCutOff = false;
  patienceMs = PATIENCE_MS;

  /** A time limit of a call, which is also over when a stopping process waits no longer: then it ends with what there is. */
  timeLimit(stepMs: number, totalMs: number): TimeLimit {
    const limit = new TimeLimit(stepMs, totalMs, () => this.limits.delete(limit));
    this.limits.add(limit);
    if (this.isCutOff) limit.cancel(goingDown());
    return limit;
  }

  /**
   * Counts one request in; the answer counts it out, once.
   * @throws OverloadedError when the process is stopping.
   */
  enter(): () => void {
    if (this.isStopping) {
      throw goingDown();
    }
    this.count += 1;
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.count -= 1;
      if (this.count === 0) this.whenEmpty?.();
    };
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    const empty = new Promise<void>((resolve) => (this.whenEmpty = resolve));
    if (this.count > 0) await within(this.patienceMs, empty);
    if (this.count > 0) {
      this.logger.warn(`${this.count} requests outlast the shutdown: they are cut off and settled as they are`);
      this.isCutOff = true;
      for (const limit of this.limits) limit.cancel(goingDown());
      await within(SETTLE_MS, empty);
    }
    if (this.count > 0) this.logger.warn(`${this.count} requests did not end; the sweeper ends their holds`);
  }
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
