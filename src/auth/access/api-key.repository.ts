import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
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

  /** Whether there was room for it: a user has at most `limit` keys that are not revoked, however many are made at once. */
  add(key: NewApiKeyRow, limit: number): Promise<boolean> {
    return this.em.fork().transactional(async (em) => {
      await em.findOneOrFail(User, { id: key.userId }, { lockMode: LockMode.PESSIMISTIC_WRITE, fields: ['id'] });
      if ((await em.count(ApiKey, { userId: key.userId, revokedAt: null })) >= limit) return false;
      await em.insert(ApiKey, { ...key, updatedAt: key.createdAt });
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

  /** Whether this call revoked it: only a key of this user, and only once. */
  async revoke(id: string, userId: string, now: Date): Promise<boolean> {
    const revocation = { revokedAt: now, updatedAt: now };
    return (await this.em.fork().nativeUpdate(ApiKey, { id, userId, revokedAt: null }, revocation)) > 0;
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
