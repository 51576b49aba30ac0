/** Why a signal aborted: the provider took too long. */
export class TimeLimitExceeded extends Error {
  constructor(limitMs: number) {
    super(`no answer within ${limitMs} ms`);
  }
}

/**
 * Aborts its signal when one step takes too long, or all of them together do. A step's limit runs only while the step does, so a slow client
 * does not count against the provider.
 */
export class TimeLimit {
  private readonly controller = new AbortController();
  private readonly deadlineAtMs: number;
  private readonly onStopped = (): void => this.controller.abort(this.stop?.reason);
  isExceeded = false;

  /** `stop` ends the step under way for a reason that is not the provider's. */
  constructor(
    readonly stepMs: number,
    totalMs: number,
    private readonly stop?: AbortSignal,
  ) {
    this.deadlineAtMs = performance.now() + totalMs;
    if (stop?.aborted) this.onStopped();
    else stop?.addEventListener('abort', this.onStopped, { once: true });
  }

  /** To be called once nothing runs any more: what stops the process outlives every limit. */
  release(): void {
    this.stop?.removeEventListener('abort', this.onStopped);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Ends the step under way, because its result is no longer wanted. */
  cancel(): void {
    this.controller.abort(new Error('the call was cancelled'));
  }

  /** The step's result, or a rejection as soon as the limit is exceeded or the call cancelled, even when the step itself does not stop. */
  async run<Result>(step: () => Promise<Result>): Promise<Result> {
    const leftMs = Math.min(this.stepMs, this.deadlineAtMs - performance.now());
    if (leftMs <= 0) this.expire();
    this.signal.throwIfAborted();
    const timer = setTimeout(() => this.expire(), leftMs);
    let stop = (): void => undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      stop = () => reject(this.signal.reason as Error);
    });
    this.signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([step(), aborted]);
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', stop);
    }
  }

  private expire(): void {
    this.isExceeded = !this.signal.aborted;
    this.controller.abort(new TimeLimitExceeded(this.stepMs));
  }
}
