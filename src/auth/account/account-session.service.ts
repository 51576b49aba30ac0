import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { WallClock } from '../../common/clock.js';
import { Config } from '../../config/config.js';
import { STRONG_ACR } from '../access/authentication-strength.js';
import { InteractionExpiredError } from '../auth.errors.js';
import type { User } from '../identity/user.entity.js';
import { UserRepository } from '../identity/user.repository.js';
import { ACCOUNT_CLIENT_ID, ACCOUNT_SESSION_MS } from '../oauth/consent.service.js';
import { GrantService } from '../oauth/grant.service.js';
import { OidcProviderHolder } from '../oauth/oidc-provider.holder.js';
import { type SealedCookie, SealedCookies } from '../sealed-cookies.js';

const CALLBACK = '/account/callback';
const SESSION_COOKIE: SealedCookie = { name: 'account', path: '/account' };
const SIGN_IN_COOKIE: SealedCookie = { name: 'account_sign_in', path: '/account' };
const SIGN_IN_MS = 30 * 60 * 1000;
/** What is changed here would keep a thief in: the person has proved who they are within the last minutes (RFC 9470). */
const FRESH_SECONDS = 600;

export interface AccountSession {
  user: User;
  /** The sign-in that this browser has; it is a line in the list of devices. */
  grantId: string;
  acr: string;
  authenticatedAtMs: number;
}

interface SessionCookie {
  userId: string;
  grantId: string;
  acr: string;
  authenticatedAtMs: number;
  expiresAtMs: number;
}

interface SignInCookie {
  state: string;
  verifier: string;
  returnTo: string;
  expiresAtMs: number;
}

/** Who is signed in on the pages of the account: a sealed cookie that names a sign-in, which must be alive each time. */
@Injectable()
export class AccountSessions {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly config: Config,
    private readonly holder: OidcProviderHolder,
    private readonly grants: GrantService,
    private readonly users: UserRepository,
    private readonly cookies: SealedCookies,
    private readonly clock: WallClock,
  ) {}

  /** Null when nobody is, or the sign-in was ended. */
  async find(request: FastifyRequest): Promise<AccountSession | null> {
    const cookie = this.cookies.read<SessionCookie>(request, SESSION_COOKIE);
    const grant = cookie && (await this.grants.find(cookie.grantId));
    const user = grant?.clientId === ACCOUNT_CLIENT_ID ? await this.users.findById(grant.userId) : null;
    if (!cookie || user?.status !== 'active' || user.id !== cookie.userId) return null;
    const { grantId, acr, authenticatedAtMs } = cookie;
    return { user, grantId, acr, authenticatedAtMs };
  }

  /** Whether the person has proved who they are a short while ago, with a second factor where they have one. */
  isFresh({ acr, authenticatedAtMs }: AccountSession, hasFactor: boolean): boolean {
    const isRecent = this.clock.now().getTime() - authenticatedAtMs <= FRESH_SECONDS * 1000;
    return isRecent && (!hasFactor || acr === STRONG_ACR);
  }

  /** Where the browser signs in, to come back to `returnTo`, a path of ours. */
  begin(reply: FastifyReply, returnTo: string, { isFresh = false, isStrong = false } = {}): string {
    const state = randomBytes(16).toString('base64url');
    const verifier = randomBytes(32).toString('base64url');
    this.cookies.write(reply, SIGN_IN_COOKIE, { state, verifier, returnTo }, SIGN_IN_MS);
    const query = new URLSearchParams({
      client_id: ACCOUNT_CLIENT_ID,
      response_type: 'code',
      scope: 'openid',
      redirect_uri: this.config.publicUrl + CALLBACK,
      code_challenge: challengeOf(verifier),
      code_challenge_method: 'S256',
      state,
      ...(isFresh && { prompt: 'login' }),
      ...(isStrong && { acr_values: STRONG_ACR }),
    });
    return `/oauth2/authorize?${query.toString()}`;
  }

  /** Takes the code that came back to this browser. Where it goes on. @throws InteractionExpiredError */
  async finish(request: FastifyRequest, reply: FastifyReply, answer: { code: string; state: string }): Promise<string> {
    const began = this.cookies.read<SignInCookie>(request, SIGN_IN_COOKIE);
    if (!began || began.state !== answer.state) throw new InteractionExpiredError();
    const code = await this.holder.provider.AuthorizationCode.find(answer.code);
    const isOurs =
      code?.isValid === true &&
      code.clientId === ACCOUNT_CLIENT_ID &&
      code.codeChallenge === challengeOf(began.verifier);
    if (!isOurs || !code.accountId || !code.grantId) throw new InteractionExpiredError();
    await code.consume();
    const session = {
      userId: code.accountId,
      grantId: code.grantId,
      acr: code.acr ?? '',
      authenticatedAtMs: (code.authTime ?? 0) * 1000,
    };
    await this.endPrevious(request, session.grantId);
    this.cookies.write(reply, SESSION_COOKIE, session, ACCOUNT_SESSION_MS);
    this.cookies.clear(reply, SIGN_IN_COOKIE);
    return began.returnTo;
  }

  /** Whoever has just set up a factor has shown it: this sign-in counts as one with it. */
  strengthen(request: FastifyRequest, reply: FastifyReply): void {
    const cookie = this.cookies.read<SessionCookie>(request, SESSION_COOKIE);
    if (!cookie) return;
    const validMs = cookie.expiresAtMs - this.clock.now().getTime();
    this.cookies.write(reply, SESSION_COOKIE, { ...cookie, acr: STRONG_ACR }, validMs);
  }

  /** Forgets who is signed in on these pages. */
  end(reply: FastifyReply): void {
    this.cookies.clear(reply, SESSION_COOKIE);
  }

  /** A browser that signed in anew has one sign-in, not two. */
  private async endPrevious(request: FastifyRequest, grantId: string): Promise<void> {
    const previous = this.cookies.read<SessionCookie>(request, SESSION_COOKIE);
    if (previous && previous.grantId !== grantId) {
      await this.grants.revoke({ id: previous.grantId }, { reason: 'signed_out' });
    }
  }
}

function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
