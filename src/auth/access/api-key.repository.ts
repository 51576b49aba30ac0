import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { pageOf } from '../../common/http/paging.js';
import { User } from '../identity/user.entity.js';
import { ApiKey } from './api-key.entity.js';

export interface NewApiKeyRow {
  id: string;
  userId: string;
  name: string;
  prefix: string;
  hash: Buffer;
  scopes: string[];
  expiresAt: Date | null;
  createdAt: Date;
}

@Injectable()
export class ApiKeyRepository {
  constructor(private readonly em: EntityManager) {}

  /**
   * Whether there was room for it: a user has at most `limit` keys that are not revoked, however many are made at once.
   * @param alongside More that belongs to the same transaction, for the owner of the key.
   */
  add(key: NewApiKeyRow, limit: number, alongside: (owner: User) => Promise<void>): Promise<boolean> {
    return this.em.fork().transactional(async (em) => {
      const owner = await em.findOneOrFail(User, { id: key.userId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if ((await em.count(ApiKey, { userId: key.userId, revokedAt: null })) >= limit) return false;
      await em.insert(ApiKey, { ...key, updatedAt: key.createdAt });
      await alongside(owner);
      return true;
    });
  }

  /** Newest first. */
  findLiveOf(userId: string): Promise<ApiKey[]> {
    return this.em.fork().find(ApiKey, { userId, revokedAt: null }, { orderBy: { id: 'desc' } });
  }

  findLiveByHash(hash: Buffer): Promise<ApiKey | null> {
    return this.em.fork().findOne(ApiKey, { hash, revokedAt: null });
  }

  /** Newest first, those that ended too, with the id that the next page starts after. */
  async page(
    { userId, prefix }: { userId?: string; prefix?: string },
    { limit, before }: { limit: number; before: string | undefined },
  ): Promise<{ keys: ApiKey[]; next: string | null }> {
    const where = {
      ...(userId !== undefined && { userId }),
      ...(prefix !== undefined && { prefix }),
      ...(before !== undefined && { id: { $lt: before } }),
    };
    const found = await this.em.fork().find(ApiKey, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    const { rows, next } = pageOf(found, limit, ({ id }) => id);
    return { keys: rows, next };
  }

  /** Whose key this call revoked: only a key of `userId` where one is named, and only once. Joins the transaction of `em`. */
  async revoke(key: { id: string; userId?: string }, now: Date, em = this.em.fork()): Promise<string | null> {
    const { id, userId = null } = key;
    const rows = await em.execute<{ user_id: string }[]>(
      `update api_keys set revoked_at = ?, updated_at = ?
       where id = ? and revoked_at is null and (?::uuid is null or user_id = ?) returning user_id`,
      [now, now, id, userId, userId],
    );
    return rows[0]?.user_id ?? null;
  }

  /** Joins the caller's transaction. */
  async revokeAllOf(userId: string, now: Date): Promise<void> {
    await this.em.nativeUpdate(ApiKey, { userId, revokedAt: null }, { revokedAt: now, updatedAt: now });
  }

  async findRevokedSince(since: Date): Promise<string[]> {
    const keys = await this.em.fork().find(ApiKey, { revokedAt: { $gte: since } }, { fields: ['id'] });
    return keys.map(({ id }) => id);
  }

  /** Writes when each key was last used, in one statement; a later time that another replica wrote stays. */
  async recordUses(uses: ReadonlyMap<string, Date>): Promise<void> {
    const times = [...uses.values()].map((time) => time.toISOString());
    await this.em.fork().execute(
      `update api_keys k set last_used_at = u.at
       from unnest(?::uuid[], ?::timestamptz[]) as u(id, at)
       where k.id = u.id and (k.last_used_at is null or k.last_used_at < u.at)`,
      [toArray([...uses.keys()]), toArray(times)],
    );
  }
}

/** An array of ids or times as PostgreSQL writes one. */
function toArray(values: readonly string[]): string {
  return `{${values.map((value) => `"${value}"`).join(',')}}`;
}
