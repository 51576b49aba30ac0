import { Injectable, Logger } from '@nestjs/common';
import { pageOf } from '../common/http/paging.js';
import { isUuid } from '../common/ids.js';
import { type AuditCause, AuditTrail } from '../monitoring/audit-trail.service.js';
import { boundedReason, reasonOf } from './failure-reason.js';
import type { JobFailure } from './job-failure.entity.js';
import {
  type FailureFilter,
  type FailureReport,
  JobFailureRepository,
  type Resolution,
} from './job-failure.repository.js';
import {
  JobFailureNotFoundError,
  JobFailureResolvedError,
  JobRetryFailedError,
  JobRetryUnavailableError,
} from './jobs.errors.js';

type RetriedFailure = Pick<JobFailure, 'entity' | 'entityId'> & { payload: unknown };
type Retry = (failure: RetriedFailure, now: Date) => Promise<void>;

/** What background work could not do. Nothing stops silently: a failure stays open until it succeeded or somebody dismissed it. */
@Injectable()
export class JobFailureService {
  private readonly logger = new Logger(JobFailureService.name);
  private readonly retries = new Map<string, Retry>();

  constructor(
    private readonly failures: JobFailureRepository,
    private readonly audit: AuditTrail,
  ) {}

  /** How one failure of `job` is done again. `retry` is idempotent and throws when it fails again. */
  onRetry(job: string, retry: Retry): void {
    if (this.retries.has(job)) throw new Error(`the retry of ${job} is registered twice`);
    this.retries.set(job, retry);
  }

  /** Opens a failure, or counts another attempt of the one that is open for the same job and entity. Logged as an error. */
  async record(failure: FailureReport, now: Date): Promise<void> {
    const { job, entity, entityId } = failure;
    const reason = boundedReason(failure.reason);
    this.logger.error({ job, entity, entityId, reason }, `${job} failed for ${entity} ${entityId}`);
    await this.failures.upsert({ ...failure, reason }, now);
  }

  /** What failed has since succeeded: its open failure, if there is one, becomes `retried`. */
  async resolve(job: string, entity: string, entityId: string, now: Date): Promise<void> {
    await this.failures.resolveOpen(
      { job, entity, entityId },
      { state: 'retried', resolvedBy: null, resolution: null },
      now,
    );
  }

  /** Newest first; `next` is the id after which the next page begins. */
  async page(filter: FailureFilter): Promise<{ failures: JobFailure[]; next: string | null }> {
    const found = await this.failures.find({ ...filter, limit: filter.limit + 1 });
    const { rows, next } = pageOf(found, filter.limit, ({ id }) => id);
    return { failures: rows, next };
  }

  /** By job; those without open failures are left out. */
  countOpen(): Promise<Record<string, number>> {
    return this.failures.countOpen();
  }

  /**
   * Does what failed once more, at `now`.
   * @throws JobFailureNotFoundError, JobFailureResolvedError, JobRetryUnavailableError, or JobRetryFailedError with the new reason
   */
  async retry(id: string, cause: AuditCause, now: Date): Promise<JobFailure> {
    const failure = await this.openFailure(id);
    const retry = this.retries.get(failure.job);
    if (!retry) throw new JobRetryUnavailableError(failure.job);
    const { job, entity, entityId, payload } = failure;
    try {
      await retry({ entity, entityId, payload }, now);
    } catch (error) {
      const reason = reasonOf(error);
      await this.record({ job, entity, entityId, reason }, now);
      throw new JobRetryFailedError(reason, error);
    }
    await this.resolveBy(cause, failure, { state: 'retried', resolution: null }, now);
    return this.failure(id);
  }

  /**
   * Closes a failure without doing what failed.
   * @throws JobFailureNotFoundError, JobFailureResolvedError
   */
  async dismiss(id: string, cause: AuditCause & { reason: string }, now: Date): Promise<JobFailure> {
    const open = await this.openFailure(id);
    const resolution = boundedReason(cause.reason);
    const isDone = await this.resolveBy(cause, open, { state: 'dismissed', resolution }, now);
    const failure = await this.failure(id);
    if (!isDone) throw new JobFailureResolvedError(failure.state);
    return failure;
  }

  private resolveBy(
    cause: AuditCause,
    { id, state, attempts, job, entity, entityId }: JobFailure,
    to: Pick<Resolution, 'state' | 'resolution'>,
    now: Date,
  ): Promise<boolean> {
    const change = {
      action: to.state === 'dismissed' ? 'job_failure.dismiss' : 'job_failure.retry',
      entity: 'job_failure',
      entityId: id,
      before: { state, attempts },
      after: { state: to.state, job, entity, entityId },
    };
    return this.failures.resolveById(id, { ...to, resolvedBy: cause.actorId }, now, () =>
      this.audit.record(change, cause, now),
    );
  }

  private async openFailure(id: string): Promise<JobFailure> {
    const failure = await this.failure(id);
    if (failure.state !== 'open') throw new JobFailureResolvedError(failure.state);
    return failure;
  }

  private async failure(id: string): Promise<JobFailure> {
    const failure = isUuid(id) ? await this.failures.findById(id) : null;
    if (!failure) throw new JobFailureNotFoundError();
    return failure;
  }
}
