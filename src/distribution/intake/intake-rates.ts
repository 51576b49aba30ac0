import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CompiledQuery } from 'kysely';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { TooManyRequestsError } from '../../auth/auth.errors.js';
import { networkOf } from '../../common/domain/network.js';

interface Rate {
  points: number;
  /** Seconds. */
  duration: number;
}

const MINUTE = 60;
const HOUR = 3_600;

/** What one network may send, per kind. An office behind one address has some hundred people; nobody writes feedback all day. */
const RATES = {
  /** An app asks a few times a day. */
  updates: { points: 300, duration: MINUTE },
  downloads: { points: 60, duration: MINUTE },
  feedback: { points: 20, duration: HOUR },
  /** The largest bodies, and what is stored of them; a crash that repeats is known after some. */
  diagnostics: { points: 30, duration: HOUR },
} as const satisfies Record<string, Rate>;
export type IntakeKind = keyof typeof RATES;

/** Counts what comes without a sign-in, in the database, so that it holds over all replicas. Real time: no clock of ours moves it. */
@Injectable()
export class IntakeRates {
  private readonly limiters: ReadonlyMap<IntakeKind, RateLimiterPostgres>;

  constructor(private readonly em: EntityManager) {
    const kinds = Object.entries(RATES) as [IntakeKind, Rate][];
    this.limiters = new Map(kinds.map(([kind, rate]) => [kind, this.limiterOf(kind, rate)]));
  }

  /** Counts one request. @throws TooManyRequestsError */
  async consume(kind: IntakeKind, address: string): Promise<void> {
    try {
      await this.limiters.get(kind)!.consume(networkOf(address));
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw new TooManyRequestsError(Math.max(1, Math.ceil(refusal.msBeforeNext / 1_000)));
    }
  }

  private limiterOf(kind: IntakeKind, { points, duration }: Rate): RateLimiterPostgres {
    return new RateLimiterPostgres({
      storeClient: { query: (query: { text: string; values: unknown[] }) => this.query(query) },
      storeType: 'pool',
      tableName: 'intake_rates',
      // The migration makes the table, and a job empties it.
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix: kind,
      points,
      duration,
      // What is over the limit no longer reaches the database.
      inMemoryBlockOnConsumed: points + 1,
    });
  }

  /** As the library expects an answer of `pg`, with numbers where the driver makes bigints. */
  private async query({
    text,
    values,
  }: {
    text: string;
    values: unknown[];
  }): Promise<{ rows: object[]; rowCount: number }> {
    const result = await this.em
      .fork()
      .getKysely()
      .executeQuery<Record<string, unknown>>(CompiledQuery.raw(text, values));
    const rows = result.rows.map((row) => ({ points: Number(row['points']), expire: Number(row['expire']) }));
    return { rows, rowCount: rows.length };
  }
}
