import { ClientLeftError } from '../inference.errors.js';

/** Why a signal aborted: the provider took too long. */
export class TimeLimitExceeded extends Error {
  constructor(limitMs: number) {
    super(`no answer within ${limitMs} ms`);
  }
}

/**
 * Aborts its signal when one step takes too long, or all of them together do. A step's limit runs only while the step does, so a slow client
 * does not count against the provider. Steps come one after the other.
 */
export class TimeLimit {
  private readonly controller = new AbortController();
  private readonly deadlineAtMs: number;
  private rejectStep: ((reason: Error) => void) | null = null;
  private stepTimer: NodeJS.Timeout | undefined;
  isExceeded = false;
  /** The step waits for a place: the provider has not been asked yet. */
  isWaiting = false;

  /** Whether anybody waits for the answer still. */
  isWanted = (): boolean => true;

  /** `release` is to be called once nothing runs any more. */
  constructor(
    readonly stepMs: number,
    totalMs: number,
    readonly release: () => void,
  ) {
    this.deadlineAtMs = performance.now() + totalMs;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Ends the step under way, because its result is no longer wanted. */
  cancel(reason: Error = new Error('the call was cancelled')): void {
    this.controller.abort(reason);
    this.rejectStep?.(this.signal.reason as Error);
  }

  awaitPlace(): void {
    this.isWaiting = true;
  }

  /**
   * The step has its time from now on, as far as the deadline of all leaves it.
   * @throws ClientLeftError where nobody waits for it any more: the provider is not asked then.
   */
  takePlace(): void {
    this.isWaiting = false;
    if (!this.isWanted()) throw new ClientLeftError();
    if (!this.stepTimer) return;
    clearTimeout(this.stepTimer);
    this.stepTimer = setTimeout(() => this.expire(), this.leftMs());
  }

  /** The step's result, or a rejection as soon as the limit is exceeded or the call cancelled, even when the step itself does not stop. */
  async run<Result>(step: () => Promise<Result>): Promise<Result> {
    const leftMs = this.leftMs();
    if (leftMs <= 0) this.expire();
    this.signal.throwIfAborted();
    this.stepTimer = setTimeout(() => this.expire(), leftMs);
    try {
      return await new Promise<Result>((resolve, reject) => {
        this.rejectStep = reject;
        step().then(resolve, reject);
      });
    } finally {
      clearTimeout(this.stepTimer);
      this.stepTimer = undefined;
      this.rejectStep = null;
    }
  }

  private leftMs(): number {
    return Math.min(this.stepMs, this.deadlineAtMs - performance.now());
  }

  private expire(): void {
    this.isExceeded = !this.signal.aborted;
    this.cancel(new TimeLimitExceeded(this.stepMs));
  }
}
