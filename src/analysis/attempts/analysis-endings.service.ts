import type { EntityData } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { AnalysisProgress } from '../analysis-progress.service.js';
import type { Analysis, FallbackFacts, ModelAnswer } from '../analysis.entity.js';
import { type FallbackAnswer, fallbackAnswer } from '../domain/fallback-answer.js';
import { UPGRADE_MS_MAX } from '../domain/retry-delay.js';
import { AnalysisSettler } from '../holds/analysis-settler.service.js';
import type { AnalysisKind } from '../kinds/analysis-kind.entity.js';
import { resultFaults } from '../kinds/result-schema.js';
import { RecoveryLog } from '../recovery/recovery-log.service.js';
import { AnalysisDispatch } from './analysis-dispatch.service.js';
import type { Failure } from './analysis-failure.js';

/** How an analysis ends: by a model's answer, by that of rules, failed, or given up. Each ends its hold. */
@Injectable()
export class AnalysisEndings {
  constructor(
    private readonly progress: AnalysisProgress,
    private readonly settler: AnalysisSettler,
    private readonly recovery: RecoveryLog,
    private readonly dispatch: AnalysisDispatch,
  ) {}

  /** Keeps a model's answer, charges it and ends with it. A worker that has lost the row to another changes and charges nothing. */
  async answered(analysis: Analysis, answer: ModelAnswer): Promise<void> {
    if (await this.progress.keep(analysis, answer)) await this.charged(analysis, answer);
  }

  /** Charges a kept answer and ends with it. Safe to repeat: the charge, and the end, are there once. */
  async charged(analysis: Analysis, answer: ModelAnswer): Promise<void> {
    const use = await this.settler.charge(analysis, answer);
    const { event, isRecovered, ...end } = endOf(answer);
    await this.progress.change(analysis, {
      set: (now) => ({
        ...timesOf(analysis, now),
        ...use,
        ...end,
        cachingUsed: answer.source === 'cache',
        batchProcessed: answer.source === 'batch',
        circuitBreakerState: 'closed',
        answer: null,
        isHoldOpen: false,
      }),
      event: { ...event, isLast: true },
      // Without trouble there is nothing else to write, and the end shares its transaction.
      ...(analysis.recoveryAttempted && {
        also: (em, at) => this.recovery.end(em, analysis.id, isRecovered ? 'recovered' : 'given_up', at),
      }),
    });
  }

  /**
   * Ends what its user called off. What a model had answered by then is charged, as of every request whose caller leaves, and not shown; without
   * an answer nothing is charged.
   */
  async cancelled(analysis: Analysis, answer: ModelAnswer | null): Promise<void> {
    if (answer) await this.answered(analysis, calledOff(answer));
    else await this.calledOff(analysis);
  }

  /** Ends, with `change`, what no model has answered, free of charge. False where it has moved on. */
  async calledOff(analysis: Analysis, change: (now: Date) => EntityData<Analysis> = () => ({})): Promise<boolean> {
    const isChanged = await this.progress.change(analysis, {
      set: (now) => ({ ...timesOf(analysis, now), ...change(now), status: 'cancelled' }),
      event: { name: 'cancelled', isLast: true },
      also: (em, at) => this.recovery.end(em, analysis.id, 'given_up', at),
    });
    if (isChanged) await this.settler.release(analysis, 'cancelled');
    return isChanged;
  }

  /** Ends with the answer of the kind's rules, free of charge, or is given up where there are none that fit; called off where its user just did. */
  async withoutModel(analysis: Analysis, kind: AnalysisKind, failure: Failure): Promise<void> {
    const answer = fallbackAnswer(kind.fallback, analysis.input.text);
    const fits = answer !== null && resultFaults(kind.outputSchema, answer.result).length === 0;
    const isChanged = await (fits ? this.fallBack(analysis, answer, failure) : this.giveUp(analysis, failure));
    if (isChanged) await this.settler.release(analysis, failure.type);
    // Or somebody else has it by now: then this changes nothing, too.
    else await this.calledOff(analysis);
  }

  /** The request itself is at fault: nothing is charged, and nothing would mend it. */
  async failed(analysis: Analysis, failure: Failure): Promise<void> {
    const isChanged = await this.progress.change(analysis, {
      set: (now) => ({ ...timesOf(analysis, now), status: 'failed', ...errorOf(failure) }),
      event: { name: 'failed', data: told(failure), isLast: true },
      also: (em, at) => this.recovery.end(em, analysis.id, 'given_up', at),
    });
    if (isChanged) await this.settler.release(analysis, failure.type);
  }

  private fallBack(analysis: Analysis, answer: FallbackAnswer, failure: Failure): Promise<boolean> {
    const { id } = analysis;
    return this.progress.change(analysis, {
      set: (now) => ({
        ...timesOf(analysis, now),
        status: 'completed',
        result: answer.result,
        ...errorOf(failure),
        fallbackUsed: true,
        fallbackConfidence: answer.confidence,
        fallbackMetadata: fallbackFacts(failure, now),
      }),
      isWanted: true,
      event: { name: 'fallback', data: { confidence: answer.confidence, ...told(failure) }, isLast: !failure.mayPass },
      also: async (em, at) => {
        await this.recovery.step(em, id, { step: 'fallback', detail: { confidence: answer.confidence } }, at);
        if (!failure.mayPass) return this.recovery.end(em, id, 'given_up', at);
        await this.dispatch.sendUpgrade(em, id, 0);
      },
    });
  }

  private giveUp(analysis: Analysis, failure: Failure): Promise<boolean> {
    const { id } = analysis;
    return this.progress.change(analysis, {
      set: (now) => ({ ...timesOf(analysis, now), status: 'dead', ...errorOf(failure) }),
      isWanted: true,
      event: { name: 'failed', data: told(failure), isLast: true },
      also: async (em, at) => {
        await this.recovery.step(em, id, { step: 'escalate', detail: told(failure) }, at);
        await this.recovery.end(em, id, 'given_up', at);
      },
    });
  }
}

/** What becomes of a row by its answer. */
function endOf({ result, reason, isCancelled }: ModelAnswer) {
  if (isCancelled)
    return { status: 'cancelled' as const, result: null, event: { name: 'cancelled' }, isRecovered: false };
  if (result) return { status: 'completed' as const, result, event: { name: 'finished' }, isRecovered: true };
  const failure = { type: 'invalid_result', message: reason };
  const error = { lastErrorType: failure.type, errorContext: failure };
  return { status: 'failed' as const, result, ...error, event: { name: 'failed', data: failure }, isRecovered: false };
}

/** The call that was under way ended for a caller who had left. */
function calledOff({ charges, ...answer }: ModelAnswer): ModelAnswer {
  const last = charges.length - 1;
  const marked = charges.map((charge, index) =>
    index === last ? { ...charge, outcome: 'client_aborted' as const } : charge,
  );
  return { ...answer, charges: marked, isCancelled: true };
}

function told({ type, message }: Failure): { type: string; message: string } {
  return { type, message };
}

/** Why rules answered, and until when a model's answer is still waited for. */
function fallbackFacts(failure: Failure, now: Date): FallbackFacts {
  const upgradeUntil = failure.mayPass ? new Date(now.getTime() + UPGRADE_MS_MAX).toISOString() : null;
  return { reason: failure.type, upgradeUntil, upgradeAttempts: 0 };
}

function errorOf(failure: Failure) {
  return {
    lastErrorType: failure.type,
    errorContext: told(failure),
    circuitBreakerState: failure.type === 'provider_unavailable' ? ('open' as const) : ('closed' as const),
    recoveryAttempted: true,
  };
}

function timesOf({ queuedAt, processingStartedAt }: Analysis, now: Date) {
  return {
    completedAt: now,
    processingMs: now.getTime() - (processingStartedAt ?? now).getTime(),
    totalMs: now.getTime() - queuedAt.getTime(),
  };
}
