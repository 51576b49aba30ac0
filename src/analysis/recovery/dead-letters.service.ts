import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors/app-error.js';
import { isUuid } from '../../common/ids.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { AnalysisProgress } from '../analysis-progress.service.js';
import type { Analysis } from '../analysis.entity.js';
import { DeadLetterNotFoundError, DeadLetterRetryRefusedError } from '../analysis.errors.js';
import type { HeldAnalysis } from '../holds/analysis-holds.service.js';
import { AnalysisRenewals } from '../holds/analysis-renewals.service.js';
import { AnalysisDispatch } from '../attempts/analysis-dispatch.service.js';

const DEADLINE_MS = 3_600_000;

/** Analyses that were given up: an operator has them tried again, or lets them be. */
@Injectable()
export class DeadLetters {
  constructor(
    private readonly progress: AnalysisProgress,
    private readonly renewals: AnalysisRenewals,
    private readonly dispatch: AnalysisDispatch,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Queues it once more, as if it were new, under a new hold of its user.
   * @throws DeadLetterNotFoundError, DeadLetterRetryRefusedError with what the user would be told
   */
  async retry(id: string, cause: AuditCause): Promise<Analysis> {
    const dead = await this.find(id);
    const held = await this.held(dead);
    const deadlineAt = new Date(held.reservation.heldAt.getTime() + DEADLINE_MS);
    const isQueued = await this.progress.change(dead, {
      set: (now) => ({
        ...historyOf(dead, 'retry', cause, now),
        status: 'queued',
        retryHistory: [],
        completedAt: null,
        cancelRequestedAt: null,
        deadlineAt,
        turnAt: now,
        holdId: held.requestId,
        isHoldOpen: true,
        input: { ...dead.input, inputTokens: held.inputTokens },
        modelId: held.modelId,
        modelVersionNo: held.versionNo,
      }),
      event: { name: 'queued', isReopening: true },
      also: async (em, now) => {
        await this.dispatch.send(em, { id, modelId: held.modelId, turnAt: now });
        await this.record('retry', dead, cause, now);
      },
    });
    if (!isQueued) {
      await this.renewals.giveBack(held);
      throw new DeadLetterNotFoundError();
    }
    await this.renewals.keepUntil(held, deadlineAt);
    return this.read(id);
  }

  /** It stays failed. @throws DeadLetterNotFoundError */
  async discard(id: string, cause: AuditCause): Promise<Analysis> {
    const dead = await this.find(id);
    const isDiscarded = await this.progress.change(dead, {
      set: (now) => ({ ...historyOf(dead, 'discard', cause, now), status: 'failed' }),
      also: (_em, now) => this.record('discard', dead, cause, now),
    });
    if (!isDiscarded) throw new DeadLetterNotFoundError();
    return this.read(id);
  }

  private async held(dead: Analysis): Promise<HeldAnalysis> {
    try {
      return await this.renewals.hold(dead, { isWaiting: true });
    } catch (error) {
      throw error instanceof AppError ? new DeadLetterRetryRefusedError(error) : error;
    }
  }

  private async find(id: string): Promise<Analysis> {
    const found = isUuid(id) ? await this.progress.find(id) : null;
    if (found?.status !== 'dead') throw new DeadLetterNotFoundError();
    return found;
  }

  private async read(id: string): Promise<Analysis> {
    const found = await this.progress.find(id);
    if (!found) throw new DeadLetterNotFoundError();
    return found;
  }

  private record(action: string, { id, lastErrorType }: Analysis, cause: AuditCause, now: Date): Promise<void> {
    const change = { action: `dead_letter.${action}`, entity: 'analysis', entityId: id };
    return this.audit.record({ ...change, before: { lastErrorType }, after: null }, cause, now);
  }
}

/** What an operator did, beside what others did before. */
function historyOf({ modificationHistory }: Analysis, action: string, { actorId, reason }: AuditCause, now: Date) {
  const entry = { action, actorId, reason, at: now.toISOString() };
  return { modifiedBy: actorId, modificationHistory: [...modificationHistory, entry] };
}
