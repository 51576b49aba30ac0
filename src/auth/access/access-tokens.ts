import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { errors, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { WallClock } from '../../common/clock.js';
import type { Scope } from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import { ACCESS_TOKEN_ALGORITHM, KeyService } from '../oauth/key.service.js';
import { isScope } from '../oauth/scopes-of-client.js';

const TYPE = 'at+jwt';
const CLOCK_TOLERANCE_SECONDS = 5;

/** What an access token says. */
export interface AccessTokenContent {
  userId: string;
  grantId: string;
  clientId: string;
  scopes: ReadonlySet<Scope>;
  acr: string | undefined;
  amr: readonly string[];
  /** When the user last proved who they are; undefined for what proves nothing of the kind. */
  authenticatedAtMs: number | undefined;
  /** Thumbprint of the key that has to be proved with each request; undefined for a bearer token. */
  jkt: string | undefined;
  expiresAtMs: number;
}

export interface NewAccessToken extends Omit<AccessTokenContent, 'expiresAtMs' | 'authenticatedAtMs' | 'jkt' | 'acr'> {
  acr: string;
  lifetimeSeconds: number;
}

/** Why a token is refused, in words for its sender. */
export class AccessTokenFault extends Error {}

/** Signs and reads access tokens: JWTs of RFC 9068 for one audience, ourselves. */
@Injectable()
export class AccessTokens {
  constructor(
    private readonly config: Config,
    private readonly clock: WallClock,
    private readonly keys: KeyService,
  ) {}

  async sign(token: NewAccessToken): Promise<string> {
    const { kid, key } = await this.keys.signingKey();
    const issuedAt = Math.floor(this.clock.now().getTime() / 1000);
    return new SignJWT({
      client_id: token.clientId,
      grant_id: token.grantId,
      scope: [...token.scopes].join(' '),
      acr: token.acr,
      amr: token.amr,
      auth_time: issuedAt,
    })
      .setProtectedHeader({ alg: ACCESS_TOKEN_ALGORITHM, typ: TYPE, kid })
      .setIssuer(this.config.publicUrl)
      .setAudience(this.config.publicUrl)
      .setSubject(token.userId)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + token.lifetimeSeconds)
      .sign(key);
  }

  /** What a token says, if it is ours and in its time. Neither the user nor the sign-in is looked up. @throws AccessTokenFault */
  async read(token: string): Promise<AccessTokenContent> {
    const payload = await this.verify(token);
    const { sub, exp, client_id: clientId, grant_id: grantId, scope, acr, amr, auth_time: authTime } = payload;
    if (!sub || !exp || typeof clientId !== 'string' || typeof grantId !== 'string' || typeof scope !== 'string') {
      throw new AccessTokenFault('The token lacks a claim.');
    }
    return {
      userId: sub,
      grantId,
      clientId,
      scopes: new Set(scope.split(' ').filter(isScope)),
      acr: typeof acr === 'string' ? acr : undefined,
      amr: Array.isArray(amr) ? amr.filter((method) => typeof method === 'string') : [],
      authenticatedAtMs: typeof authTime === 'number' ? authTime * 1000 : undefined,
      jkt: thumbprintOf(payload['cnf']),
      expiresAtMs: (exp + CLOCK_TOLERANCE_SECONDS) * 1000,
    };
  }

  isExpired(content: AccessTokenContent): boolean {
    return content.expiresAtMs <= this.clock.now().getTime();
  }

  private async verify(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.keyOf(kid), {
        issuer: this.config.publicUrl,
        audience: this.config.publicUrl,
        algorithms: [ACCESS_TOKEN_ALGORITHM],
        typ: TYPE,
        requiredClaims: ['sub', 'exp', 'client_id', 'jti', 'scope', 'grant_id'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: this.clock.now(),
      });
      return payload;
    } catch (error) {
      // Anything else is a fault of ours, such as a database that does not answer, and says nothing about the token.
      if (!(error instanceof errors.JOSEError)) throw error;
      const isExpired = error instanceof errors.JWTExpired;
      throw new AccessTokenFault(isExpired ? 'The token has expired.' : 'The token is not valid for this server.');
    }
  }

  private async keyOf(kid: string | undefined): Promise<CryptoKey> {
    const key = kid === undefined ? undefined : await this.keys.accessTokenKey(kid);
    if (!key) throw new errors.JWKSNoMatchingKey();
    return key;
  }
}

/** The key that a token is bound to. One bound in a way that we cannot check is no token for us. @throws AccessTokenFault */
function thumbprintOf(confirmation: unknown): string | undefined {
  if (confirmation === undefined) return undefined;
  const { jkt } = (confirmation ?? {}) as { jkt?: unknown };
  if (typeof jkt === 'string') return jkt;
  throw new AccessTokenFault('The token is bound to something that this server cannot check.');
}
