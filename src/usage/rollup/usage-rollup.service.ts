import { Injectable, Logger } from '@nestjs/common';
import type { Client } from 'pg';
import { Config } from '../../config/config.js';
import { withDirectClient } from '../../database/direct-connection.js';
import {
  ADVANCE_SQL,
  HORIZON_SQL,
  REBUILD_SQL,
  REBUILD_TOTALS_SQL,
  RESTORED_SQL,
  ROLLUP_CURSOR,
} from './usage-rollup.queries.js';

/** Held by the session that writes the sums: there is one at a time over all replicas. */
const LOCK = `hashtext('tollgate.usage-rollup')`;

/**
 * Keeps `usage_hourly` and `usage_totals` equal to the ledger. It reads the ledger in the order of commits: transactions below the oldest one open are decided,
 * so each row is counted exactly once, however late it was committed. The cursor `<transaction>/<time>` says what was counted: rows of
 * earlier transactions, and rows that are not younger. The time matters after a restore into another server, whose transactions begin anew.
 */
@Injectable()
export class UsageRollupService {
  private readonly logger = new Logger(UsageRollupService.name);

  constructor(private readonly config: Config) {}

  /** Counts what was committed since, in one transaction. Returns the number of ledger rows; none while another replica is at it. */
  advance(now: Date, signal?: AbortSignal): Promise<number> {
    return withDirectClient(
      this.config,
      async (client) => {
        const { rows } = await client.query<{ is_ours: boolean }>(`select pg_try_advisory_lock(${LOCK}) as is_ours`);
        return rows[0]?.is_ours ? inSnapshot(client, () => this.advanceWithin(client, now)) : 0;
      },
      signal,
    );
  }

  /** Makes all sums again from the ledger, in one transaction: readers have the old ones until the end. Returns the number of ledger rows. */
  rebuild(now: Date, signal?: AbortSignal): Promise<number> {
    return withDirectClient(
      this.config,
      async (client) => {
        await client.query(`select pg_advisory_lock(${LOCK})`);
        return inSnapshot(client, async () =>
          this.rebuildWithin(client, await one(client, HORIZON_SQL, 'horizon'), now),
        );
      },
      signal,
    );
  }

  private async advanceWithin(client: Client, now: Date): Promise<number> {
    const { rows } = await client.query<{ position: string }>('select position from job_cursors where name = $1', [
      ROLLUP_CURSOR,
    ]);
    const position = rows[0]?.position ?? '0/-infinity';
    const [transaction = '0', time = '-infinity'] = position.split('/');
    const horizon = await one(client, HORIZON_SQL, 'horizon');
    if (BigInt(horizon) < BigInt(transaction)) {
      this.logger.warn('the ledger was restored from another server: its hourly sums are made anew');
      return this.rebuildWithin(client, horizon, now);
    }
    const count = await one(client, ADVANCE_SQL, 'rows', [position, horizon, now]);
    await moveCursor(client, `${horizon}/${time}`, now);
    return Number(count);
  }

  private async rebuildWithin(client: Client, horizon: string, now: Date): Promise<number> {
    const position = `${horizon}/${await one(client, RESTORED_SQL, 'until')}`;
    await client.query('delete from usage_hourly');
    await client.query('delete from usage_totals');
    const count = await one(client, REBUILD_SQL, 'rows', [position, now]);
    for (const sql of REBUILD_TOTALS_SQL) await client.query(sql, [now]);
    await moveCursor(client, position, now);
    return Number(count);
  }
}

/** What all statements see is one moment, so that a horizon read before holds for what is read after. */
async function inSnapshot<Result>(client: Client, work: () => Promise<Result>): Promise<Result> {
  await client.query('begin isolation level repeatable read');
  const result = await work();
  await client.query('commit');
  return result;
}

async function one(client: Client, sql: string, column: string, parameters: unknown[] = []): Promise<string> {
  const { rows } = await client.query<Record<string, string>>(sql, parameters);
  const value = rows[0]?.[column];
  if (value === undefined) throw new Error(`a statement of the rollup has no ${column}`);
  return value;
}

async function moveCursor(client: Client, position: string, now: Date): Promise<void> {
  await client.query(
    `insert into job_cursors (name, position, created_at, updated_at) values ($1, $2, $3, $3)
     on conflict (name) do update set position = excluded.position, updated_at = excluded.updated_at`,
    [ROLLUP_CURSOR, position, now],
  );
}
