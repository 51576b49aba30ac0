import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  DelegateBackoff,
  ExponentialBackoff,
  handleWhen,
  type IBackoff,
  type IBackoffFactory,
  type IBreaker,
  type IRetryBackoffContext,
  isBrokenCircuitError,
  retry,
  type RetryPolicy,
} from 'cockatiel';
import { ProviderFailure, ProviderUnavailable } from '../providers/chat-provider.js';
import { TimeLimitExceeded } from '../providers/time-limit.js';
import { Places } from './places.js';
import type { RetryBudget } from './retry-budget.js';

export interface CircuitSettings {
  /** Failures in a row that open the circuit. */
  failuresMax: number;
  /** How long it stays open before one call tries again, the first time and at most; it doubles in between. */
  openMs: number;
  openMsMax: number;
  /** The mean wait before the first retry. */
  retryMs: number;
  /** Calls under way at once, and those that may wait for a place. */
  callsMax: number;
  waitingMax: number;
}

export interface CircuitChange {
  state: 'closed' | 'open' | 'half_open';
  failureCount: number;
  nextProbeAtMs: number | null;
}

/** Attempts after the first one. */
const RETRIES_MAX = 2;
const RETRY_MS_MAX = 2_000;
/** What a caller is told to wait where an operator holds the circuit open: long enough not to be hammered. */
const HELD_RETRY_AFTER_MS = 60_000;

/** The way to one model of one provider: as many calls as it may have at once, retries while they help, none while it is down. */
export class Circuit {
  private readonly places: Places;
  private readonly retries: RetryPolicy;
  private readonly counter: FailuresInARow;
  private readonly breaker: CircuitBreakerPolicy;
  private held: { dispose(): void } | null = null;
  private nextProbeAtMs: number | null = null;
  private resting: { untilMs: number; isolation: { dispose(): void }; timer: NodeJS.Timeout } | null = null;

  constructor(
    private readonly settings: CircuitSettings,
    private readonly budget: RetryBudget,
    onChange: (change: CircuitChange) => void,
  ) {
    this.places = new Places(settings.callsMax, settings.waitingMax);
    this.counter = new FailuresInARow(settings.failuresMax);
    this.breaker = circuitBreaker(handleWhen(isProvidersFault), {
      breaker: this.counter,
      halfOpenAfter: new DelegateBackoff(({ attempt }: { attempt: number }) => this.openFor(attempt)),
    });
    this.retries = retry(
      handleWhen((error) => isSafeToRetry(error) && budget.take()),
      {
        maxAttempts: RETRIES_MAX,
        backoff: new BackoffAsAsked(new ExponentialBackoff({ initialDelay: settings.retryMs, maxDelay: RETRY_MS_MAX })),
      },
    );
    this.breaker.onBreak((reason) => {
      if ('isolated' in reason) return;
      onChange({ state: 'open', failureCount: this.counter.state, nextProbeAtMs: this.nextProbeAtMs });
    });
    this.breaker.onHalfOpen(() =>
      onChange({ state: 'half_open', failureCount: this.counter.state, nextProbeAtMs: null }),
    );
    this.breaker.onReset(() => {
      this.noteSuccess();
      onChange({ state: 'closed', failureCount: 0, nextProbeAtMs: null });
    });
  }

  /** Whether a call would be tried now. */
  get isOpen(): boolean {
    if (this.breaker.state === CircuitState.Isolated) return true;
    return this.breaker.state === CircuitState.Open && Date.now() < (this.nextProbeAtMs ?? 0);
  }

  /** Keeps every call away until `release`. */
  hold(): void {
    this.held ??= this.breaker.isolate();
  }

  release(): void {
    this.held?.dispose();
    this.held = null;
  }

  /** Another replica found the provider down: nobody is asked before `untilMs`, unless `wake` is called earlier. */
  rest(untilMs: number): void {
    if (untilMs <= Date.now() || this.breaker.state !== CircuitState.Closed) return;
    const isolation = this.breaker.isolate();
    const timer = setTimeout(() => this.wake(), untilMs - Date.now());
    timer.unref();
    this.resting = { untilMs, isolation, timer };
  }

  wake(): void {
    clearTimeout(this.resting?.timer);
    this.resting?.isolation.dispose();
    this.resting = null;
  }

  /** A whole answer, or a stream that was read to its end. */
  noteSuccess(): void {
    this.counter.state = 0;
  }

  /** A stream that broke in the middle: a failure, although its beginning went well. */
  noteFailure(error: unknown): void {
    void this.breaker.execute(() => Promise.reject(error as Error)).catch(() => undefined);
  }

  /**
   * Waits for a place, which users share fairly; what is returned gives it back, once.
   * @throws OverloadedError where too many wait already, and the signal's reason.
   */
  enter(userId: string, signal: AbortSignal): Promise<() => void> {
    return this.places.enter(userId, signal);
  }

  /**
   * Calls the provider, again where a failure shows that it did no work, and not at all while it is down.
   * @throws ProviderUnavailable while it is down, otherwise what the last call threw.
   */
  async run<Result>(call: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    this.budget.noteCall();
    try {
      return await this.retries.execute(() => this.breaker.execute(call), signal);
    } catch (error) {
      if (!isBrokenCircuitError(error)) throw error;
      const againAtMs = this.resting?.untilMs ?? this.nextProbeAtMs ?? 0;
      const waitMs = this.held ? HELD_RETRY_AFTER_MS : againAtMs - Date.now();
      throw new ProviderUnavailable(Math.max(1_000, waitMs));
    }
  }

  private openFor(attempt: number): number {
    const { openMs, openMsMax } = this.settings;
    const waitMs = Math.min(openMs * 2 ** Math.max(0, attempt - 1), openMsMax);
    this.nextProbeAtMs = Date.now() + waitMs;
    return waitMs;
  }
}

/** Failures in a row. A call that goes well ends none: a stream has only begun then. */
class FailuresInARow implements IBreaker {
  state = 0;

  constructor(private readonly max: number) {}

  success(): void {
    // Told by `noteSuccess`, once it is one.
  }

  failure(): boolean {
    this.state += 1;
    return this.state >= this.max;
  }
}

/** A request that the provider refuses, and a caller who leaves, say nothing about the provider. */
function isProvidersFault(error: unknown): boolean {
  return error instanceof ProviderFailure || error instanceof TimeLimitExceeded;
}

/** Who asks for a longer wait than a call has is not asked again: it would answer the same, and count that against the account. */
function isSafeToRetry(error: unknown): boolean {
  return error instanceof ProviderFailure && error.isRetryable && (error.askedWaitMs ?? 0) <= RETRY_MS_MAX;
}

/** Another backoff, but never sooner than the provider asked for. */
class BackoffAsAsked implements IBackoffFactory<IRetryBackoffContext<unknown>> {
  constructor(private readonly own: IBackoffFactory<IRetryBackoffContext<unknown>>) {}

  next(context: IRetryBackoffContext<unknown>): IBackoff<IRetryBackoffContext<unknown>> {
    const backoff = this.own.next(context);
    const { error } = context.result as { error?: unknown };
    const askedMs = error instanceof ProviderFailure ? (error.askedWaitMs ?? 0) : 0;
    return {
      duration: Math.max(backoff.duration, askedMs),
      next: (later) => new BackoffAsAsked(backoff).next(later),
    };
  }
}
