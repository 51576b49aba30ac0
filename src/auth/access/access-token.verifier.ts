import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/http/principal.js';
import { Config } from '../../config/config.js';
import { AccountSuspendedError, InvalidTokenError, MissingTokenError } from '../auth.errors.js';
import { UserRepository } from '../identity/user.repository.js';
import { AccessTokenFault, type AccessTokenContent } from './access-tokens.js';
import { looksLikeApiKey } from './api-key-format.js';
import { CredentialReader } from './credential-reader.js';
import { RevocationList } from './revocation-list.js';

const BEARER = /^Bearer ([A-Za-z0-9\-._~+/]+=*)$/i;
/** A principal with what the sign-in was made of, for routes that demand more than a valid token. */
export interface AccessPrincipal extends Principal {
  amr: readonly string[];
  /** When the user last proved who they are; undefined behind an API key. */
  authenticatedAtMs: number | undefined;
}

/** Turns an `Authorization` header, or the header of an API key, into who makes the request. */
@Injectable()
export class AccessTokenVerifier {
  readonly resourceMetadata: string;

  constructor(
    config: Config,
    private readonly credentials: CredentialReader,
    private readonly revocations: RevocationList,
    private readonly users: UserRepository,
  ) {
    this.resourceMetadata = `${config.publicUrl}/.well-known/oauth-protected-resource`;
  }

  /** @throws MissingTokenError, InvalidTokenError, AccountSuspendedError */
  async verify(authorization: string | undefined): Promise<AccessPrincipal> {
    if (authorization === undefined) throw new MissingTokenError(this.resourceMetadata);
    const token = BEARER.exec(authorization)?.[1];
    if (!token) throw this.refusal('The Authorization header is not "Bearer <token>".');
    return this.admit(await this.read(token));
  }

  /** @throws InvalidTokenError, AccountSuspendedError */
  async verifyApiKey(key: string): Promise<AccessPrincipal> {
    if (!looksLikeApiKey(key)) {
      throw this.refusal(
        'x-api-key takes an API key of this server. Send an access token as "Authorization: Bearer <token>".',
      );
    }
    return this.admit(await this.read(key));
  }

  /** The principal behind a credential, unless it or its user may not be here any more. */
  private async admit(content: AccessTokenContent): Promise<AccessPrincipal> {
    const { userId, grantId, clientId, scopes, amr, authenticatedAtMs } = content;
    const user = await this.users.stateOf(userId);
    if (!user) throw this.refusal('The account does not exist any more.');
    // Before the sign-in, which a suspension ends: the person is told the cause.
    if (user.status === 'suspended') throw new AccountSuspendedError();
    if (this.revocations.has(grantId))
      throw this.refusal('The sign-in was ended, or the API key revoked. Sign in again.');
    const { role, isEmailVerified } = user;
    return { userId, accessId: grantId, clientId, scopes, amr, authenticatedAtMs, role, isEmailVerified };
  }

  private read(credential: string): Promise<AccessTokenContent> {
    return this.credentials.read(credential).catch((error: unknown) => {
      throw error instanceof AccessTokenFault ? this.refusal(error.message) : error;
    });
  }

  private refusal(reason: string): InvalidTokenError {
    return new InvalidTokenError(reason, this.resourceMetadata);
  }
}
