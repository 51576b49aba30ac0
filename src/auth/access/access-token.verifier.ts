import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../common/http/principal.js';
import { Config } from '../../config/config.js';
import { AccountSuspendedError, InvalidTokenError, MissingTokenError } from '../auth.errors.js';
import { UserRepository } from '../identity/user.repository.js';
import { AccessTokenFault, AccessTokens, type AccessTokenContent } from './access-tokens.js';
import { RevocationList } from './revocation-list.js';

const BEARER = /^Bearer ([A-Za-z0-9\-._~+/]+=*)$/i;
/** A signature is checked again after this long. Expiry, revocation and the user's state are checked every time. */
const VERIFIED_MS = 60_000;
const VERIFIED_MAX = 50_000;

/** A principal with what the sign-in was made of, for routes that demand more than a valid token. */
export interface AccessPrincipal extends Principal {
  amr: readonly string[];
}

/** Turns an `Authorization` header into who makes the request. */
@Injectable()
export class AccessTokenVerifier {
  readonly resourceMetadata: string;
  private readonly verified = new LRUCache<string, AccessTokenContent>({ max: VERIFIED_MAX, ttl: VERIFIED_MS });

  constructor(
    config: Config,
    private readonly tokens: AccessTokens,
    private readonly revocations: RevocationList,
    private readonly users: UserRepository,
  ) {
    this.resourceMetadata = `${config.publicUrl}/.well-known/oauth-protected-resource`;
  }

  /** @throws MissingTokenError, InvalidTokenError, AccountSuspendedError */
  async verify(authorization: string | undefined): Promise<AccessPrincipal> {
    if (authorization === undefined) throw new MissingTokenError(this.resourceMetadata);
    const { userId, grantId, clientId, scopes, amr } = await this.read(authorization);
    if (this.revocations.has(grantId)) throw this.refusal('The sign-in was ended. Sign in again.');
    const user = await this.users.stateOf(userId);
    if (!user) throw this.refusal('The account does not exist any more.');
    if (user.status === 'suspended') throw new AccountSuspendedError();
    const { role, isEmailVerified } = user;
    return { userId, accessId: grantId, clientId, scopes, amr, role, isEmailVerified };
  }

  private async read(authorization: string): Promise<AccessTokenContent> {
    const token = BEARER.exec(authorization)?.[1];
    if (!token) throw this.refusal('The Authorization header is not "Bearer <token>".');
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.verified.get(key);
    if (known && !this.tokens.isExpired(known)) return known;
    const content = await this.tokens.read(token).catch((error: unknown) => {
      throw error instanceof AccessTokenFault ? this.refusal(error.message) : error;
    });
    this.verified.set(key, content);
    return content;
  }

  private refusal(reason: string): InvalidTokenError {
    return new InvalidTokenError(reason, this.resourceMetadata);
  }
}
