import { Injectable } from '@nestjs/common';
import { InteractionExpiredError } from '../auth.errors.js';
import { AuthEventRecorder, type RequestOrigin } from '../identity/auth-event.recorder.js';
import { UserRepository } from '../identity/user.repository.js';
import { GrantService } from './grant.service.js';
import type { Interaction } from './interactions.js';
import { isOidcScope, UNVERIFIED_API_SCOPES } from './scopes-of-client.js';

/** The pages under /account sign people in as any app does; this is their name at the provider. */
export const ACCOUNT_CLIENT_ID = 'tollgate-account';
/** As long as the provider's own session of the browser. */
export const ACCOUNT_SESSION_MS = 8 * 60 * 60 * 1000;

export interface ConsentView {
  email: string;
  /** Scopes that work only after the address is confirmed. */
  later: string[];
}

/** What the person decides on, and what comes of it. */
@Injectable()
export class ConsentService {
  constructor(
    private readonly users: UserRepository,
    private readonly grants: GrantService,
    private readonly events: AuthEventRecorder,
  ) {}

  /** @throws InteractionExpiredError when nobody is signed in */
  async view({ accountId, scopes }: Interaction): Promise<ConsentView> {
    const user = accountId === null ? null : await this.users.findById(accountId);
    if (!user) throw new InteractionExpiredError();
    return { email: user.email, later: user.emailVerifiedAt === null ? scopes.filter(needsVerified) : [] };
  }

  /**
   * The id of the grant. Each consent opens one of its own: one per sign-in, so that one device can be ended alone. Pressed twice it is one consent.
   */
  async allow(interaction: Interaction, origin: RequestOrigin): Promise<string> {
    const { uid, clientId, scopes, device, acr, amr, language } = interaction;
    const userId = accountOf(interaction);
    const signIn = { userId, clientId, scopes, device, ip: origin.ip, acr, amr };
    const isOwnPages = clientId === ACCOUNT_CLIENT_ID;
    const lifetime = isOwnPages && { lifetimeMs: ACCOUNT_SESSION_MS };
    return this.grants.openOnce(uid, { ...signIn, ...lifetime }, async (grantId) => {
      await this.users.setLanguage(userId, language);
      await this.events.record({ event: 'consent_granted', userId, clientId, grantId, origin, details: { scopes } });
    });
  }

  async deny(interaction: Interaction, origin: RequestOrigin): Promise<void> {
    const userId = accountOf(interaction);
    await this.events.record({ event: 'consent_denied', userId, clientId: interaction.clientId, origin });
  }
}

function accountOf({ accountId, step }: Interaction): string {
  if (step !== 'consent' || accountId === null) throw new InteractionExpiredError();
  return accountId;
}

function needsVerified(scope: string): boolean {
  return !isOidcScope(scope) && !(UNVERIFIED_API_SCOPES as readonly string[]).includes(scope);
}
