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

@Injectable()
export class AuthGrantRepository {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  async add({ ip, lifetimeMs, ...grant }: NewGrant): Promise<void> {
    const now = this.clock.now();
    await this.em.fork().insert(AuthGrant, {
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

  async recordUse(id: string, ip: string | null): Promise<void> {
    const now = this.clock.now();
    await this.em.fork().nativeUpdate(AuthGrant, { id }, { lastUsedAt: now, lastIp: ip, updatedAt: now });
  }

  /** Whether this call revoked it; a grant is revoked once. */
  async revoke(id: string, reason: string): Promise<boolean> {
    const now = this.clock.now();
    const revocation = { revokedAt: now, revokeReason: reason, updatedAt: now };
    return (await this.em.fork().nativeUpdate(AuthGrant, { id, revokedAt: null }, revocation)) > 0;
  }

  async findRevokedSince(since: Date): Promise<string[]> {
    const grants = await this.em.fork().find(AuthGrant, { revokedAt: { $gte: since } }, { fields: ['id'] });
    return grants.map((grant) => grant.id);
  }
}
