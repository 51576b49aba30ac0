import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CompiledQuery } from 'kysely';
import { Sealer } from '../auth/sealer.js';
import type { IdempotencyClaim, StoredAnswer } from './hold.repository.js';

/** How long a key has its answer; `tollgate.reserve_batch` has the same figure. */
export const ANSWER_KEPT_MS = 86_400_000;
/** What is kept of one answer: enough for the longest text of any model, and little beside a request's own limit. */
export const ANSWER_BYTES_MAX = 1_048_576;

/** Rows that one statement deletes: its locks are over in a moment. */
const DELETED_AT_ONCE = 1_000;

/** An answer as it was given, apart from what it is answered again with. */
export interface KeptAnswer {
  /** The request that was answered and charged. */
  requestId: string;
  status: number;
  headers: Record<string, string>;
  /** Null where it was too large to be kept. */
  body: string | null;
}

/** The answers kept for clients' idempotency keys: sealed, for a day. */
@Injectable()
export class StoredAnswers {
  constructor(
    private readonly em: EntityManager,
    private readonly sealer: Sealer,
  ) {}

  /** What the transaction that settles writes. A body above `ANSWER_BYTES_MAX` is left out. */
  seal(userId: string, claim: IdempotencyClaim, answer: Omit<KeptAnswer, 'requestId'>): StoredAnswer {
    const { status, headers, body } = answer;
    const isKept = body !== null && Buffer.byteLength(body) <= ANSWER_BYTES_MAX;
    return { status, headers, bodySealed: isKept ? this.sealer.seal(body, contextOf(userId, claim)) : null };
  }

  /** Keeps, in the transaction of `em`, the answer to a request that is charged later: its key is done before its hold is. */
  async keep(
    em: EntityManager,
    { userId, claim }: { userId: string; claim: IdempotencyClaim },
    answer: KeptAnswer,
    now: Date,
  ): Promise<void> {
    const { status, headers, bodySealed } = this.seal(userId, claim, answer);
    await em.execute(
      `update idempotency_keys set state = 'done', status = ?, headers = ?::jsonb, body_sealed = ?, updated_at = ?
        where user_id = ? and route = ? and key = ? and request_id = ?`,
      [status, JSON.stringify(headers), bodySealed, now, userId, claim.route, claim.key, answer.requestId],
    );
  }

  /** The answer of a key, or null where it has none, any more. */
  async find(userId: string, claim: IdempotencyClaim): Promise<KeptAnswer | null> {
    const { rows } = await this.em
      .fork()
      .getKysely()
      .executeQuery<AnswerRow>(CompiledQuery.raw(FIND_SQL, [userId, claim.route, claim.key, claim.requestHash]));
    const [row] = rows;
    if (!row) return null;
    const { request_id: requestId, status, headers, body_sealed: sealed } = row;
    return { requestId, status, headers, body: sealed && this.sealer.open(sealed, contextOf(userId, claim)) };
  }

  /** Deletes keys whose day is over, some at a time. Safe on every replica at once. Returns how many. */
  async deleteOld(now: Date, signal?: AbortSignal): Promise<number> {
    const before = new Date(now.getTime() - ANSWER_KEPT_MS);
    let deleted = 0;
    for (;;) {
      const query = CompiledQuery.raw(DELETE_OLD_SQL, [before, DELETED_AT_ONCE]);
      const { numAffectedRows } = await this.em.fork().getKysely().executeQuery(query);
      const some = Number(numAffectedRows ?? 0);
      deleted += some;
      if (some < DELETED_AT_ONCE || signal?.aborted) return deleted;
    }
  }
}

interface AnswerRow {
  request_id: string;
  status: number;
  headers: Record<string, string>;
  body_sealed: Uint8Array | null;
}

const FIND_SQL = `
  select request_id, status, headers, body_sealed from idempotency_keys
  where user_id = $1 and route = $2 and key = $3 and request_hash = $4 and state = 'done'`;

/** Rows that someone has are left for the next run: nobody is waited for, so whoever waits here holds up nobody. */
const DELETE_OLD_SQL = `
  delete from idempotency_keys t
  using (
    select user_id, route, key from idempotency_keys where created_at <= $1::timestamptz order by created_at limit $2 for update skip locked
  ) x
  where t.user_id = x.user_id and t.route = x.route and t.key = x.key`;

function contextOf(userId: string, { route, key }: IdempotencyClaim): string {
  return `idempotency_keys ${userId} ${route} ${key}`;
}
