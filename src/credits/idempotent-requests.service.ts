import { createHash } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Sealer } from '../auth/sealer.js';
import { newId } from '../common/ids.js';
import { AuditTrail } from '../monitoring/audit-trail.service.js';
import { IdempotencyKeyInvalidError, IdempotencyMismatchError } from './credits.errors.js';
import { CreditsService } from './credits.service.js';
import type { Sender } from './keyed-sender.js';
import { ANSWER_KEPT_MS } from './stored-answers.service.js';

const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;
const CREATED = 201;

/** A request that must have its effect once, however often it is sent. */
export interface KeyedRequest {
  /** Keys of different senders do not meet. */
  sender: Sender;
  /** Method and path as the API document has them. */
  route: string;
  /** What the audit trail calls it. */
  action: string;
  /** Where the header brought none. */
  keyInBody: string | undefined;
  /** All that decides what is done, in canonical form. */
  parameters: Readonly<Record<string, string | null>> & { userId: string; reason: string | null };
}

export interface KeyedAnswer<Answer> {
  answer: Answer;
  /** Whether it has been given before. */
  isReplay: boolean;
}

/** Runs the work of a request once per `Idempotency-Key`: the key, the work, its answer and its line in the audit trail are one transaction. */
@Injectable()
export class IdempotentRequests {
  constructor(
    private readonly em: EntityManager,
    private readonly sealer: Sealer,
    private readonly audit: AuditTrail,
    private readonly credits: CreditsService,
  ) {}

  /**
   * Does the work, or answers what it answered the first time. A refusal keeps nothing: the same key may try again. A period of the user's that
   * is due is closed first: debt of before its end is repaid by the allowance that follows, not by what an operator gives.
   * @throws IdempotencyKeyInvalidError, and IdempotencyMismatchError when the key came with other parameters.
   */
  async once<Answer extends object>(
    request: KeyedRequest,
    now: Date,
    work: (key: string) => Promise<KeyedAnswer<Answer>>,
  ): Promise<KeyedAnswer<Answer>> {
    const { route, parameters } = request;
    const { actorId: senderId, key: inHeader, ...from } = request.sender;
    const key = checkedKey(inHeader ?? request.keyInBody);
    const hash = hashOf(request);
    await this.credits.keepUp(parameters.userId, now);
    const context = `idempotency_keys ${senderId} ${route} ${key}`;
    return this.em.transactional(async (em) => {
      // Whoever has the key at this moment is waited for, and seen by the statement after.
      const dayAgo = new Date(now.getTime() - ANSWER_KEPT_MS);
      const claimed = await em.execute<unknown[]>(CLAIM_SQL, [senderId, route, key, newId(), hash, now, now, dayAgo]);
      if (claimed.length === 0) {
        const [stored] = await em.execute<{ request_hash: Uint8Array; body_sealed: Uint8Array }[]>(
          `select request_hash, body_sealed from idempotency_keys where user_id = ? and route = ? and key = ?`,
          [senderId, route, key],
        );
        if (!stored || !hash.equals(stored.request_hash)) throw new IdempotencyMismatchError();
        return { answer: JSON.parse(this.sealer.open(stored.body_sealed, context)) as Answer, isReplay: true };
      }
      const result = await work(key);
      if (!result.isReplay) {
        // As everything else names the account: what was sent may be in capitals.
        const entityId = parameters.userId.toLowerCase();
        const change = { action: request.action, entity: 'credit_account', entityId, before: null };
        const cause = { actorId: senderId, reason: parameters.reason, ...from };
        await this.audit.record({ ...change, after: result.answer }, cause, now);
      }
      await em.execute(
        `update idempotency_keys set state = 'done', status = ?, headers = '{}', body_sealed = ? where user_id = ? and route = ? and key = ?`,
        [CREATED, this.sealer.seal(JSON.stringify(result.answer), context), senderId, route, key],
      );
      return result;
    });
  }
}

/** A key whose day is over is new again, whether or not it has been deleted. */
const CLAIM_SQL = `
  insert into idempotency_keys as t (user_id, route, key, request_id, request_hash, state, created_at, updated_at)
  values (?, ?, ?, ?, ?, 'in_progress', ?, ?)
  on conflict (user_id, route, key) do update set request_id = excluded.request_id, request_hash = excluded.request_hash,
    state = 'in_progress', status = null, headers = null, body_sealed = null, created_at = excluded.created_at, updated_at = excluded.updated_at
    where t.created_at <= ?::timestamptz
  returning request_id`;

function checkedKey(key: string | undefined): string {
  if (key === undefined || !IDEMPOTENCY_KEY.test(key)) throw new IdempotencyKeyInvalidError();
  return key;
}

function hashOf({ parameters }: KeyedRequest): Buffer {
  const canonical = Object.entries(parameters).sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(canonical)).digest();
}
