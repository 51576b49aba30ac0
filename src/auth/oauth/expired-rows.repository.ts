import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Config } from '../../config/config.js';

const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;
/** Enough to keep up with any load, few enough to hold locks for a moment only. */
const DELETED_AT_ONCE = 1_000;

export type ExpiringTable =
  'oidc_artifacts' | 'email_tokens' | 'login_throttle' | 'auth_grants' | 'api_keys' | 'auth_events';

interface Expiry {
  /** What makes a row deletable, with `?` for the time it has to be before. */
  condition: string;
  /** The column that tells how late the deletion is. */
  time: string;
  /** How long a row stays after that; what the operator says where it is left out. */
  keptMs?: number;
}

/**
 * Tables of the sign-in that would grow for ever. An hour past expiry nothing looks for a row any more: a refresh token that was used is kept
 * until it expires, so that its reuse is seen.
 */
const EXPIRIES: Readonly<Record<ExpiringTable, Expiry>> = {
  oidc_artifacts: { condition: 'expires_at < ?', time: 'expires_at', keptMs: HOUR_MS },
  email_tokens: { condition: 'expires_at < ?', time: 'expires_at', keptMs: HOUR_MS },
  /** As long as it takes to forget all that is free of a block: fifty attempts at an account, one in a quarter of an hour. */
  login_throttle: { condition: 'window_start < ?', time: 'window_start', keptMs: 13 * HOUR_MS },
  /** Ended devices and keys are of no use to anybody but whoever looks into an incident. */
  auth_grants: { condition: 'least(revoked_at, expires_at) < ?', time: 'expires_at', keptMs: 90 * DAY_MS },
  api_keys: {
    condition: 'least(revoked_at, expires_at) < ?',
    time: 'least(revoked_at, expires_at)',
    keptMs: 90 * DAY_MS,
  },
  auth_events: { condition: 'created_at < ?', time: 'created_at' },
};

@Injectable()
export class ExpiredRows {
  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
  ) {}

  /** Deletes in batches until nothing is left or the signal says so; rows that someone has are left for the next run. How many. */
  async delete(table: ExpiringTable, now: Date, signal: AbortSignal): Promise<number> {
    const { condition } = EXPIRIES[table];
    const sql = `delete from ${table} where ctid = any(array(
      select ctid from ${table} where ${condition} limit ${DELETED_AT_ONCE} for update skip locked))`;
    let deleted = 0;
    for (;;) {
      const { affectedRows } = await this.em
        .fork()
        .execute<{ affectedRows: number }>(sql, [this.before(table, now)], 'run');
      deleted += affectedRows;
      if (affectedRows < DELETED_AT_ONCE || signal.aborted) return deleted;
    }
  }

  /** Seconds by which the oldest row has outstayed; 0 when none has. */
  async lagSeconds(table: ExpiringTable, now: Date): Promise<number> {
    const { time } = EXPIRIES[table];
    const limit = this.before(table, now);
    const rows = await this.em
      .fork()
      .execute<{ oldest: Date | string | null }[]>(`select min(${time}) as oldest from ${table} where ${time} < ?`, [
        limit,
      ]);
    const oldest = rows[0]?.oldest;
    return oldest ? (limit.getTime() - new Date(oldest).getTime()) / 1_000 : 0;
  }

  private before(table: ExpiringTable, now: Date): Date {
    const { keptMs = this.config.retentionAuthEventsDays * DAY_MS } = EXPIRIES[table];
    return new Date(now.getTime() - keptMs);
  }
}
