/** What every provider may be asked again whatever the traffic. */
const RETRIES_KEPT = 10;
/** Of the calls: beyond it retries would be a part of the trouble. */
const SHARE = 0.1;

/** Keeps retries a small part of the calls, so that a provider in trouble is not asked three times as often. */
export class RetryBudget {
  private tokens = RETRIES_KEPT;

  noteCall(): void {
    this.tokens = Math.min(RETRIES_KEPT, this.tokens + SHARE);
  }

  /** Whether there is one left; it is spent then. */
  take(): boolean {
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
