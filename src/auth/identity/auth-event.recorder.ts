import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { newId } from '../../common/ids.js';
import { AuthEvent } from './auth-event.entity.js';

/** Where a request came from, for the record. */
export interface RequestOrigin {
  ip: string | null;
  userAgent: string | null;
  requestId: string | null;
  /** What the browser sent; tells one in which the account was signed in before. */
  cookies?: string | undefined;
}

/** Everything that is recorded. */
export const AUTH_EVENTS = [
  'sign_in',
  'sign_in_failed',
  'sign_in_throttled',
  'registered',
  'email_verified',
  'password_reset_requested',
  'password_reset',
  'password_changed',
  'email_change_requested',
  'email_changed',
  'second_factor',
  'second_factor_failed',
  'factor_added',
  'factor_removed',
  'recovery_codes_made',
  'identity_linked',
  'identity_unlinked',
  'account_deleted',
  'account_restored',
  'invited',
  'suspended',
  'reinstated',
  'consent_granted',
  'consent_denied',
  'refresh_reuse_detected',
  'code_reuse_detected',
  'grant_revoked',
  'api_key_created',
  'api_key_revoked',
  'cli_token_issued',
  'operator_created',
  'role_changed',
] as const;

export type AuthEventName = (typeof AUTH_EVENTS)[number];

export interface AuthEventRecord {
  event: AuthEventName;
  userId?: string | undefined;
  grantId?: string | undefined;
  clientId?: string | undefined;
  origin?: RequestOrigin | undefined;
  /** Never a secret, a token or a password. */
  details?: Record<string, unknown>;
}

const USER_AGENT_MAX = 400;

/** Appends to the record of sign-ins and credentials. */
@Injectable()
export class AuthEventRecorder {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  /** Joins the caller's transaction. */
  async record(record: AuthEventRecord): Promise<void> {
    await this.em.insert(AuthEvent, {
      id: newId(),
      userId: record.userId ?? null,
      grantId: record.grantId ?? null,
      clientId: record.clientId ?? null,
      event: record.event,
      ip: record.origin?.ip ?? null,
      userAgent: record.origin?.userAgent?.slice(0, USER_AGENT_MAX) ?? null,
      requestId: record.origin?.requestId ?? null,
      details: record.details ?? {},
      createdAt: this.clock.now(),
    });
  }
}
