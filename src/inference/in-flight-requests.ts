import { setMaxListeners } from 'node:events';
import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { OverloadedError } from '../common/errors/common.errors.js';

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
  private readonly cutOff = new AbortController();
  patienceMs = PATIENCE_MS;

  constructor() {
    // One listener per request in flight is no leak.
    setMaxListeners(0, this.cutOff.signal);
  }

  /** Aborts when a stopping process waits no longer: whoever is under way then ends with what there is. */
  get signal(): AbortSignal {
    return this.cutOff.signal;
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
      this.cutOff.abort(goingDown());
      await within(SETTLE_MS, empty);
    }
    if (this.count > 0) this.logger.warn(`${this.count} requests did not end; the sweeper ends their holds`);
  }
}

function goingDown(): OverloadedError {
  return new OverloadedError('The server is going down. Try again shortly.', { headers: { 'retry-after': '1' } });
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
