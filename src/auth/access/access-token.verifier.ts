import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/http/principal.js';
import { Config } from '../../config/config.js';
import { AccountSuspendedError, InvalidDpopProofError, InvalidTokenError, MissingTokenError } from '../auth.errors.js';
import { UserRepository } from '../identity/user.repository.js';
import { AccessTokenFault, type AccessTokenContent } from './access-tokens.js';
import { looksLikeApiKey } from './api-key-format.js';
import { CredentialReader } from './credential-reader.js';
import { DpopProofFault, DpopProofs } from './dpop-proofs.js';
import { RevocationList } from './revocation-list.js';

const CREDENTIALS = /^(Bearer|DPoP) ([A-Za-z0-9\-._~+/]+=*)$/i;

/** What a request brings to say who makes it. */
export interface PresentedCredentials {
  authorization: string | undefined;
  dpop: string | undefined;
  method: string;
  path: string;
}

/** A principal with what the sign-in was made of, for routes that demand more than a valid token. */
export interface AccessPrincipal extends Principal {
  amr: readonly string[];
  /** When the user last proved who they are; undefined behind an API key. */
  authenticatedAtMs: number | undefined;
}

/** Turns an `Authorization` header, or the header of an API key, into who makes the request. A bound token needs a proof of its key. */
@Injectable()
export class AccessTokenVerifier {
  readonly resourceMetadata: string;

  // oxlint-disable-next-line max-params -- injected
  constructor(
    config: Config,
    private readonly credentials: CredentialReader,
    private readonly revocations: RevocationList,
    private readonly users: UserRepository,
    private readonly proofs: DpopProofs,
  ) {
    this.resourceMetadata = `${config.publicUrl}/.well-known/oauth-protected-resource`;
  }

  /** @throws MissingTokenError, InvalidTokenError, InvalidDpopProofError, AccountSuspendedError */
  async verify(presented: PresentedCredentials): Promise<AccessPrincipal> {
    const { authorization } = presented;
    if (authorization === undefined) throw new MissingTokenError(this.resourceMetadata);
    const [, scheme = '', token] = CREDENTIALS.exec(authorization) ?? [];
    if (!token) throw this.refusal('The Authorization header is not "Bearer <token>".');
    const content = await this.read(token);
    await this.checkPossession(content, { ...presented, scheme: scheme.toLowerCase(), token });
    return this.admit(content);
  }

  /** Whether a token of any kind would be let in now, and what it says. For APIs that take our tokens. */
  async inspect(token: string): Promise<AccessTokenContent | undefined> {
    try {
      const content = await this.read(token);
      await this.admit(content);
      return content;
    } catch (error) {
      if (error instanceof InvalidTokenError || error instanceof AccountSuspendedError) return undefined;
      throw error;
    }
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

  /** A bound token sent as a bearer token proves nothing, whoever sends it. */
  private async checkPossession(
    { jkt }: AccessTokenContent,
    { scheme, token, dpop, method, path }: PresentedCredentials & { scheme: string; token: string },
  ): Promise<void> {
    if (jkt === undefined && scheme === 'bearer') return;
    if (jkt === undefined) throw this.refusal('The token is bound to no key: send it as "Bearer <token>".');
    if (scheme === 'bearer') throw this.refusal('The token is bound to a key: send it as "DPoP <token>" with a proof.');
    try {
      await this.proofs.check(dpop, { method, path, accessToken: token, jkt });
    } catch (error) {
      throw error instanceof DpopProofFault ? new InvalidDpopProofError(error.message, this.resourceMetadata) : error;
    }
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
