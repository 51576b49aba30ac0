import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { AuthEventRecorder, type AuthEventName, type RequestOrigin } from '../identity/auth-event.recorder.js';
import { RevocationList } from '../access/revocation-list.js';
import type { AuthGrant } from './auth-grant.entity.js';
import { AuthGrantRepository } from './auth-grant.repository.js';
import { OidcArtifactRepository } from './oidc-artifact.repository.js';

/** A device must sign in again after this long, however often it refreshes. */
export const GRANT_DAYS = 90;
const DAY_MS = 24 * 60 * 60 * 1000;
const TEXT_MAX = 100;

export interface Device {
  name: string | null;
  platform: string | null;
  appVersion: string | null;
}

export interface NewSignIn {
  userId: string;
  clientId: string;
  scopes: string[];
  device: Device;
  ip: string | null;
  acr: string;
  amr: string[];
  /** Milliseconds until it ends for good; 90 days unless told otherwise. */
  lifetimeMs?: number;
}

export type RevokeReason = 'signed_out' | 'refresh_reuse' | 'code_reuse' | 'revoked_by_client';

/** One grant per sign-in: what a device may do, and the switch that ends all of it. */
@Injectable()
export class GrantService {
  constructor(
    private readonly grants: AuthGrantRepository,
    private readonly artifacts: OidcArtifactRepository,
    private readonly revocations: RevocationList,
    private readonly events: AuthEventRecorder,
  ) {}

  /** The id of the new grant, which every token made from it carries as `grant_id`. */
  async open({ device, lifetimeMs = GRANT_DAYS * DAY_MS, ...signIn }: NewSignIn): Promise<string> {
    const id = newId();
    await this.grants.add({
      ...signIn,
      id,
      deviceName: device.name?.slice(0, TEXT_MAX) ?? null,
      platform: device.platform?.slice(0, TEXT_MAX) ?? null,
      appVersion: device.appVersion?.slice(0, TEXT_MAX) ?? null,
      lifetimeMs,
    });
    return id;
  }

  /** The grant, unless it was ended. */
  find(grantId: string): Promise<AuthGrant | null> {
    return this.grants.findLive(grantId);
  }

  /** For the device list. */
  async recordUse(grantId: string, ip: string | null): Promise<void> {
    await this.grants.recordUse(grantId, ip);
  }

  /** Ends the sign-in: its refresh tokens and codes go, its access tokens are refused from the next request on. */
  async revoke(grantId: string, reason: RevokeReason, origin: RequestOrigin): Promise<void> {
    const grant = await this.grants.findLive(grantId);
    const isFirst = await this.grants.revoke(grantId, reason);
    this.revocations.add(grantId);
    await this.artifacts.deleteAllByGrant(grantId);
    if (!isFirst || !grant) return;
    await this.events.record({
      event: eventOf(reason),
      userId: grant.userId,
      clientId: grant.clientId,
      grantId,
      origin,
      details: { reason },
    });
  }
}

function eventOf(reason: RevokeReason): AuthEventName {
  switch (reason) {
    case 'refresh_reuse':
      return 'refresh_reuse_detected';
    case 'code_reuse':
      return 'code_reuse_detected';
    case 'signed_out':
    case 'revoked_by_client':
      return 'grant_revoked';
  }
}
