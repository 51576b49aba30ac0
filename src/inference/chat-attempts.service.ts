import { Injectable } from '@nestjs/common';
import type { AppError } from '../common/errors/app-error.js';
import { Config } from '../config/config.js';
import { type ChatCall, toProviderError } from './chat-call.js';
import { ANSWER_MS_MAX } from './chat-hold.service.js';
import { FallbackPlanner, type PlannedCall } from './fallback-planner.service.js';
import { InFlightRequests } from './in-flight-requests.js';
import { disconnectPolicyOf } from './providers/disconnect-policy.js';
import type { TimeLimit } from './providers/time-limit.js';
import { isProvidersTrouble } from './providers-trouble.js';
import { ErrorRecorder } from './resilience/error-recorder.service.js';

/** The sandbox is local: waiting longer for it only makes its time-out model slow. */
const SANDBOX_LIMIT_MS = 2_000;

/** Asks the model's provider, and where that fails those of its fallbacks, all within one hold. */
@Injectable()
export class ChatAttempts {
  constructor(
    private readonly inFlight: InFlightRequests,
    private readonly config: Config,
    private readonly fallbacks: FallbackPlanner,
    private readonly errors: ErrorRecorder,
  ) {}

  /**
   * The first attempt that succeeds. Its time limit is for the caller to release; those of the others are released here. No other model is asked,
   * and none is paid for, where nobody waits for the answer any more.
   * @throws what the caller's own model came to, where none succeeds.
   */
  async first<Result>(
    planned: PlannedCall,
    hasClientLeft: () => boolean,
    attempt: (planned: PlannedCall, limit: TimeLimit) => Promise<Result>,
  ): Promise<Result> {
    const failure = await this.try(planned, attempt, hasClientLeft);
    if ('result' in failure) return failure.result;
    if (isProvidersTrouble(failure.error)) {
      for await (const candidate of this.fallbacks.candidates(planned)) {
        if (hasClientLeft()) break;
        const outcome = await this.try(candidate, attempt, hasClientLeft);
        if ('result' in outcome) return outcome.result;
      }
    }
    throw failure.error;
  }

  /**
   * The caller's own model alone. When `left` aborts, a call that still waits for its place is given up, and so is one under way where the model's
   * `onDisconnect` is `cancel`. Otherwise its provider charges the whole answer, and tells what it used with it alone: it is waited for like any
   * other.
   * @throws what it came to, and the signal's reason where it was given up
   */
  async only<Result>(
    planned: PlannedCall,
    attempt: (planned: PlannedCall, limit: TimeLimit) => Promise<Result>,
    left: AbortSignal,
  ): Promise<Result> {
    const { kind } = disconnectPolicyOf(planned.call.chat);
    const outcome = await this.try(planned, async (tried, limit) => {
      const leave = (): void => {
        if (limit.isWaiting || kind === 'cancel') limit.cancel(left.reason as Error);
      };
      left.throwIfAborted();
      left.addEventListener('abort', leave, { once: true });
      return attempt(tried, limit).finally(() => left.removeEventListener('abort', leave));
    });
    if ('result' in outcome) return outcome.result;
    throw outcome.error;
  }

  /** Counts what an attempt came to, also one that had begun well. */
  note({ requestId, analysisId, chat }: ChatCall, error: AppError): void {
    const provider = chat.route.provider.name;
    this.errors.note(error, { provider, modelId: chat.model.id, requestId, analysisId });
  }

  private async try<Result>(
    planned: PlannedCall,
    attempt: (planned: PlannedCall, limit: TimeLimit) => Promise<Result>,
    hasClientLeft: () => boolean = () => false,
  ): Promise<{ result: Result } | { error: AppError }> {
    const limit = this.timeLimitFor(planned.call);
    limit.isWanted = () => !hasClientLeft();
    try {
      return { result: await attempt(planned, limit) };
    } catch (thrown) {
      limit.release();
      const error = toProviderError(thrown, planned.call.requestId, limit);
      this.note(planned.call, error);
      return { error };
    }
  }

  private timeLimitFor({ chat }: ChatCall): TimeLimit {
    const { providerTimeoutMs } = this.config;
    const stepMs = chat.route.isSandbox ? Math.min(providerTimeoutMs, SANDBOX_LIMIT_MS) : providerTimeoutMs;
    return this.inFlight.timeLimit(stepMs, ANSWER_MS_MAX);
  }
}
