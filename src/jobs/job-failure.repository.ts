import { EntityManager, type FilterQuery } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CompiledQuery } from 'kysely';
import { newId } from '../common/ids.js';
import { JobFailure, type JobFailureState } from './job-failure.entity.js';
import { storedJson } from '../common/domain/storable.js';

/** Of a failure with many different reasons the newest are kept. */
const REASONS_LENGTH_MAX = 8_000;

export interface FailureReport {
  job: string;
  entity: string;
  entityId: string;
  payload?: Record<string, unknown>;
  reason: string;
}

export interface FailureFilter {
  state: JobFailureState | undefined;
  job: string | undefined;
  before: string | undefined;
  limit: number;
}

export interface Resolution {
  state: 'retried' | 'reversed' | 'dismissed';
  resolvedBy: string | null;
  resolution: string | null;
}

@Injectable()
export class JobFailureRepository {
  constructor(private readonly em: EntityManager) {}

  /** Opens a failure, or counts another attempt of the open one; a reason that differs is put before the earlier ones. */
  async upsert(report: FailureReport, now: Date): Promise<void> {
    const { job, entity, entityId, payload, reason } = report;
    await this.em
      .fork()
      .getKysely()
      .executeQuery(
        CompiledQuery.raw(
          `insert into job_failures (id, job, entity, entity_id, payload, reason, created_at, updated_at)
           values ($1, $2, $3, $4, coalesce($5::jsonb, '{}'), $6, $7, $7)
           on conflict (job, entity, entity_id) where state = 'open' do update set
             attempts = job_failures.attempts + 1,
             payload = coalesce($5::jsonb, job_failures.payload),
             reason = case when starts_with(job_failures.reason, excluded.reason) then job_failures.reason
                           else left(excluded.reason || E'\\nbefore that: ' || job_failures.reason, ${REASONS_LENGTH_MAX}) end,
             updated_at = excluded.updated_at`,
          [newId(), job, entity, entityId, payload === undefined ? null : storedJson(payload), reason, now],
        ),
      );
  }

  async resolveOpen(
    key: { job: string; entity: string; entityId: string },
    resolution: Resolution,
    now: Date,
  ): Promise<number> {
    return close(this.em.fork(), { ...key, state: 'open' }, resolution, now);
  }

  /**
   * Whether this call closed it: of two at once only one does. `note` writes down who did, in the same transaction; also of a retry that has
   * closed it by itself, as the job does.
   */
  async resolveById(id: string, resolution: Resolution, now: Date, note: () => Promise<void>): Promise<boolean> {
    return this.em.fork().transactional(async (em) => {
      const isDone = (await close(em, { id, state: 'open' }, resolution, now)) === 1;
      if (isDone || resolution.state === 'retried') await note();
      return isDone;
    });
  }

  findById(id: string): Promise<JobFailure | null> {
    return this.em.fork().findOne(JobFailure, { id });
  }

  /** Newest first. */
  find({ state, job, before, limit }: FailureFilter): Promise<JobFailure[]> {
    const where: FilterQuery<JobFailure> = {
      ...(state && { state }),
      ...(job && { job }),
      ...(before && { id: { $lt: before } }),
    };
    return this.em.fork().find(JobFailure, where, { orderBy: { id: 'desc' }, limit });
  }

  async countOpen(): Promise<Record<string, number>> {
    const rows = await this.em
      .fork()
      .getConnection()
      .execute<{ job: string; open: string }[]>(
        `select job, count(*) as open from job_failures where state = 'open' group by job`,
      );
    return Object.fromEntries(rows.map((row) => [row.job, Number(row.open)]));
  }
}

function close(em: EntityManager, where: FilterQuery<JobFailure>, resolution: Resolution, now: Date): Promise<number> {
  return em.nativeUpdate(JobFailure, where, { ...resolution, resolvedAt: now, updatedAt: now });
}
