import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { AuthEventRecorder, type AuthEventName, type RequestOrigin } from '../identity/auth-event.recorder.js';
import { EmailTokenRepository } from '../identity/email-token.repository.js';
import { RevocationList } from '../access/revocation-list.js';
import type { AuthGrant } from './auth-grant.entity.js';
import { AuthGrantRepository, type EndedGrant, type GrantSelection, type NewGrant } from './auth-grant.repository.js';
import { OidcArtifactRepository } from './oidc-artifact.repository.js';
import { ReuseWarning } from './reuse-warning.js';

/** A device must sign in again after this long, however often it refreshes. */
export const GRANT_DAYS = 90;
const DAY_MS = 24 * 60 * 60 * 1000;
const TEXT_MAX = 100;
/** Longer than a page that asks for a consent can be answered. */
const CONSENT_SECONDS = 60 * 60;

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

export type RevokeReason =
  | 'signed_out'
  | 'refresh_reuse'
  | 'code_reuse'
  | 'revoked_by_client'
  | 'revoked_by_operator'
  | 'client_deactivated'
  | 'user_suspended'
  | 'password_reset'
  | 'account_deleted';

/** One grant per sign-in: what a device may do, and the switch that ends all of it. */
@Injectable()
export class GrantService {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly grants: AuthGrantRepository,
    private readonly artifacts: OidcArtifactRepository,
    private readonly revocations: RevocationList,
    private readonly events: AuthEventRecorder,
    private readonly warning: ReuseWarning,
    private readonly links: EmailTokenRepository,
  ) {}

  /** The id of the new grant, which every token made from it carries as `grant_id`. */
  async open(signIn: NewSignIn): Promise<string> {
    const grant = grantOf(signIn);
    await this.grants.add(grant);
    return grant.id;
  }

  /**
   * The id of the grant of a consent: one, however often and wherever its button is pressed at once.
   * @param alongside More that belongs to the transaction which opens it.
   */
  openOnce(consentId: string, signIn: NewSignIn, alongside: (grantId: string) => Promise<void>): Promise<string> {
    const grant = grantOf(signIn);
    const named = { grantId: grant.id, expiresInSeconds: CONSENT_SECONDS };
    return this.em.fork().transactional(async (em) => {
      const id = await this.artifacts.grantOnce('Consent', consentId, named, em);
      if (id !== grant.id) return id;
      await this.grants.add(grant, em);
      await alongside(id);
      return id;
    });
  }

  /** The grant, unless it was ended. */
  find(grantId: string): Promise<AuthGrant | null> {
    return this.grants.findLive(grantId);
  }

  /** For the device list. */
  async recordUse(grantId: string, ip: string | null): Promise<void> {
    await this.grants.recordUse(grantId, ip);
  }

  /** What a person sees as signed-in devices. */
  list(userId: string): Promise<AuthGrant[]> {
    return this.grants.findAllLive(userId);
  }

  /**
   * Ends sign-ins: refresh tokens and codes go, access tokens are refused from the next request on. With all of a person's, or all but one, the
   * browsers end too, as whoever is signed in there would sign in to an app again without a password, and so does the link to a new address that
   * one of them may have asked for. The ids of those that this call ended.
   * @param alongside More that belongs to the same transaction, such as a line in the audit trail.
   */
  async revoke(
    selection: GrantSelection,
    ending: { reason: RevokeReason; by?: string },
    origin?: RequestOrigin,
    alongside?: (ended: readonly EndedGrant[]) => Promise<void>,
  ): Promise<string[]> {
    const { reason, by = null } = ending;
    const ended = await this.em.fork().transactional(async (em) => {
      // A sign-in that is being opened holds its user: it is seen by what follows, or comes after all of this.
      if (isOfPerson(selection)) await em.execute('select from users where id = ? for update', [selection.userId]);
      const revoked = await this.grants.revoke(selection, { reason, by }, em);
      if (isOfPerson(selection)) {
        await this.artifacts.deleteSessions(selection.userId, em);
        await this.links.useAll(selection.userId, 'change_email');
      }
      await alongside?.(revoked);
      if (reason === 'refresh_reuse') await this.warning.send(revoked);
      return revoked;
    });
    const ids = ended.map(({ id }) => id);
    // Also when another call has ended it: a refresh that raced that one may have left a token.
    await this.artifacts.deleteAllByGrant(selection.id === undefined ? ids : [selection.id]);
    await this.revocations.announce(ids);
    for (const { id, userId, clientId } of ended) {
      await this.events.record({ event: eventOf(reason), userId, clientId, grantId: id, origin, details: { reason } });
    }
    return ids;
  }
}

function grantOf({ device, lifetimeMs = GRANT_DAYS * DAY_MS, ...signIn }: NewSignIn): NewGrant {
  return {
    ...signIn,
    id: newId(),
    deviceName: device.name?.slice(0, TEXT_MAX) ?? null,
    platform: device.platform?.slice(0, TEXT_MAX) ?? null,
    appVersion: device.appVersion?.slice(0, TEXT_MAX) ?? null,
    lifetimeMs,
  };
}

function isOfPerson(selection: GrantSelection): selection is GrantSelection & { userId: string } {
  const { id, userId, clientId } = selection;
  return userId !== undefined && id === undefined && clientId === undefined;
}

function eventOf(reason: RevokeReason): AuthEventName {
  switch (reason) {
    case 'refresh_reuse':
      return 'refresh_reuse_detected';
    case 'code_reuse':
      return 'code_reuse_detected';
    case 'signed_out':
    case 'revoked_by_client':
    case 'revoked_by_operator':
    case 'client_deactivated':
    case 'user_suspended':
    case 'password_reset':
    case 'account_deleted':
      return 'grant_revoked';
  }
}
