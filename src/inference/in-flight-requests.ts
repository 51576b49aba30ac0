import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { OverloadedError } from '../common/errors/common.errors.js';

/** How long a stopping process waits for what it has begun; less than the half minute that orchestrators usually give. */
const DRAIN_MS_MAX = 25_000;

/** What this process has begun and must settle before it may stop: also streams whose client has left. */
@Injectable()
export class InFlightRequests implements BeforeApplicationShutdown {
  private readonly logger = new Logger(InFlightRequests.name);
  private count = 0;
  private isStopping = false;
  private whenEmpty: (() => void) | null = null;

  /**
   * Counts one request in; the answer counts it out, once.
   * @throws OverloadedError when the process is stopping.
   */
  enter(): () => void {
    if (this.isStopping) {
      throw new OverloadedError('The server is going down. Try again shortly.', { headers: { 'retry-after': '1' } });
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
    if (this.count === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, DRAIN_MS_MAX)));
    await Promise.race([new Promise<void>((resolve) => (this.whenEmpty = resolve)), limit]);
    clearTimeout(timer);
    if (this.count > 0)
      this.logger.warn(`${this.count} requests did not finish before the shutdown; the sweeper ends their holds`);
  }
}
