import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  DelegateBackoff,
  ExponentialBackoff,
  handleWhen,
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
  private readonly counter: ConsecutiveBreaker;
  private readonly breaker: CircuitBreakerPolicy;
  private held: { dispose(): void } | null = null;
  private nextProbeAtMs: number | null = null;

  constructor(
    private readonly settings: CircuitSettings,
    private readonly budget: RetryBudget,
    onChange: (change: CircuitChange) => void,
  ) {
    this.places = new Places(settings.callsMax, settings.waitingMax);
    this.counter = new ConsecutiveBreaker(settings.failuresMax);
    this.breaker = circuitBreaker(handleWhen(isProvidersFault), {
      breaker: this.counter,
      halfOpenAfter: new DelegateBackoff(({ attempt }: { attempt: number }) => this.openFor(attempt)),
    });
    this.retries = retry(
      handleWhen((error) => isSafeToRetry(error) && budget.take()),
      {
        maxAttempts: RETRIES_MAX,
        backoff: new ExponentialBackoff({ initialDelay: settings.retryMs, maxDelay: RETRY_MS_MAX }),
      },
    );
    const failureCount = () => Number(this.counter.state) || 0;
    this.breaker.onBreak((reason) => {
      if ('isolated' in reason) return;
      onChange({ state: 'open', failureCount: failureCount(), nextProbeAtMs: this.nextProbeAtMs });
    });
    this.breaker.onHalfOpen(() => onChange({ state: 'half_open', failureCount: failureCount(), nextProbeAtMs: null }));
    this.breaker.onReset(() => onChange({ state: 'closed', failureCount: 0, nextProbeAtMs: null }));
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

  /**
   * Waits for a place; what is returned gives it back, once.
   * @throws OverloadedError where too many wait already.
   */
  enter(): Promise<() => void> {
    return this.places.enter();
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
      const waitMs = this.held ? HELD_RETRY_AFTER_MS : (this.nextProbeAtMs ?? 0) - Date.now();
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

/** A request that the provider refuses, and a caller who leaves, say nothing about the provider. */
function isProvidersFault(error: unknown): boolean {
  return error instanceof ProviderFailure || error instanceof TimeLimitExceeded;
}

function isSafeToRetry(error: unknown): boolean {
  return error instanceof ProviderFailure && error.isRetryable;
}
