import { createHash } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Sealer } from '../auth/sealer.js';
import { newId } from '../common/ids.js';
import { IdempotencyKeyInvalidError, IdempotencyMismatchError } from './credits.errors.js';

const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;
const CREATED = 201;

/** A request that must have its effect once, however often it is sent. */
export interface KeyedRequest {
  /** Who sends it: keys of different senders do not meet. */
  senderId: string;
  /** Method and path as the API document has them. */
  route: string;
  key: string;
  /** All that decides what is done, in canonical form. */
  parameters: Readonly<Record<string, string | null>>;
}

export interface KeyedAnswer<Answer> {
  answer: Answer;
  /** Whether it has been given before. */
  isReplay: boolean;
}

/** Runs the work of a request once per `Idempotency-Key`: the key, the work and its answer are one transaction. */
@Injectable()
export class IdempotentRequests {
  constructor(
    private readonly em: EntityManager,
    private readonly sealer: Sealer,
  ) {}

  /**
   * Does the work, or answers what it answered the first time. A refusal keeps nothing: the same key may try again.
   * @throws IdempotencyMismatchError when the key came with other parameters.
   */
  async once<Answer>(
    request: KeyedRequest,
    now: Date,
    work: () => Promise<KeyedAnswer<Answer>>,
  ): Promise<KeyedAnswer<Answer>> {
    const { senderId, route, key } = request;
    const hash = hashOf(request);
    const context = `idempotency_keys ${senderId} ${route} ${key}`;
    return this.em.transactional(async (em) => {
      // Whoever has the key at this moment is waited for, and seen by the statement after.
      const claimed = await em.execute<unknown[]>(
        `insert into idempotency_keys (user_id, route, key, request_id, request_hash, state, created_at, updated_at)
         values (?, ?, ?, ?, ?, 'in_progress', ?, ?) on conflict do nothing returning request_id`,
        [senderId, route, key, newId(), hash, now, now],
      );
      if (claimed.length === 0) {
        const [stored] = await em.execute<{ request_hash: Uint8Array; body_sealed: Uint8Array }[]>(
          `select request_hash, body_sealed from idempotency_keys where user_id = ? and route = ? and key = ?`,
          [senderId, route, key],
        );
        if (!stored || !hash.equals(stored.request_hash)) throw new IdempotencyMismatchError();
        return { answer: JSON.parse(this.sealer.open(stored.body_sealed, context)) as Answer, isReplay: true };
      }
      const result = await work();
      await em.execute(
        `update idempotency_keys set state = 'done', status = ?, headers = '{}', body_sealed = ? where user_id = ? and route = ? and key = ?`,
        [CREATED, this.sealer.seal(JSON.stringify(result.answer), context), senderId, route, key],
      );
      return result;
    });
  }
}

/** The key of a request, from its header or its body. @throws IdempotencyKeyInvalidError */
export function checkedKey(header: string | undefined, inBody: string | undefined): string {
  const key = header ?? inBody;
  if (key === undefined || !IDEMPOTENCY_KEY.test(key)) throw new IdempotencyKeyInvalidError();
  return key;
}

function hashOf({ parameters }: KeyedRequest): Buffer {
  const canonical = Object.entries(parameters).sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(canonical)).digest();
}
