import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { AuthGrant } from './auth-grant.entity.js';

export interface NewGrant {
  id: string;
  userId: string;
  clientId: string;
  scopes: string[];
  deviceName: string | null;
  platform: string | null;
  appVersion: string | null;
  ip: string | null;
  acr: string;
  amr: string[];
  lifetimeMs: number;
}

/** A token of a service client lives for less than this. */
const LAST_TOKEN_MS = 60 * 60 * 1000;
/** Nobody signs in on more devices within ninety days; a script that does sees the newest. */
const LISTED_MAX = 200;

/** Which grants: all that is named has to fit, and something is named. */
export type GrantSelection = { id?: string; userId?: string; clientId?: string; exceptId?: string } & (
  { id: string } | { userId: string } | { clientId: string }
);

export interface Ending {
  reason: string;
  /** The operator who ended it. */
  by: string | null;
}

export interface EndedGrant {
  id: string;
  userId: string;
  clientId: string;
  deviceName: string | null;
}

@Injectable()
export class AuthGrantRepository {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  /** Joins the transaction of `em`. */
  async add({ ip, lifetimeMs, ...grant }: NewGrant, em = this.em.fork()): Promise<void> {
    const now = this.clock.now();
    await em.insert(AuthGrant, {
      ...grant,
      createdIp: ip,
      lastIp: ip,
      lastUsedAt: now,
      createdAt: now,
      updatedAt: now,
      expiresAt: new Date(now.getTime() + lifetimeMs),
    });
  }

  /** The grant, unless it was revoked. */
  findLive(id: string): Promise<AuthGrant | null> {
    return this.em.fork().findOne(AuthGrant, { id, revokedAt: null });
  }

  /** The one that a service client's tokens are made from; not one that ends before its next token would. */
  findLiveOfClient(userId: string, clientId: string): Promise<AuthGrant | null> {
    const soon = new Date(this.clock.now().getTime() + LAST_TOKEN_MS);
    const live = { userId, clientId, revokedAt: null, expiresAt: { $gt: soon } };
    return this.em.fork().findOne(AuthGrant, live, { orderBy: { id: 'desc' } });
  }

  async recordUse(id: string, ip: string | null): Promise<void> {
    const now = this.clock.now();
    await this.em.fork().nativeUpdate(AuthGrant, { id }, { lastUsedAt: now, lastIp: ip, updatedAt: now });
  }

  /** Those that a person sees as signed-in devices, the one used last first. */
  findAllLive(userId: string): Promise<AuthGrant[]> {
    const live = { userId, revokedAt: null, expiresAt: { $gt: this.clock.now() } };
    return this.em.fork().find(AuthGrant, live, { orderBy: { lastUsedAt: 'desc', id: 'desc' }, limit: LISTED_MAX });
  }

  /** Ends what the selection names and was not ended before; a grant is ended once. Joins the transaction of `em`. */
  async revoke(
    { id, userId, clientId, exceptId }: GrantSelection,
    { reason, by }: Ending,
    em = this.em.fork(),
  ): Promise<EndedGrant[]> {
    const now = this.clock.now();
    return em.execute<EndedGrant[]>(
      `update auth_grants set revoked_at = ?, revoke_reason = ?, revoked_by = ?, updated_at = ?
        where revoked_at is null and (?::uuid is null or id = ?) and (?::uuid is null or user_id = ?)
          and (?::text is null or client_id = ?) and (?::uuid is null or id <> ?)
       returning id, user_id as "userId", client_id as "clientId", device_name as "deviceName"`,
      [now, reason, by, now, ...twice(id), ...twice(userId), ...twice(clientId), ...twice(exceptId)],
    );
  }

  async findRevokedSince(since: Date): Promise<string[]> {
    const grants = await this.em.fork().find(AuthGrant, { revokedAt: { $gte: since } }, { fields: ['id'] });
    return grants.map((grant) => grant.id);
  }
}

function twice(value: string | undefined): (string | null)[] {
  return [value ?? null, value ?? null];
}
