import { Injectable } from '@nestjs/common';
import type { Scope } from '../../common/http/route-markers.js';
import { AccessTokens } from '../access/access-tokens.js';
import { STRONG_ACR } from '../access/authentication-strength.js';
import { ACCESS_TOKEN_SECONDS_MAX } from '../access/revocation-list.js';
import { UserNotFoundError } from '../auth.errors.js';
import { AuthEventRecorder } from '../identity/auth-event.recorder.js';
import { UserRepository } from '../identity/user.repository.js';
import { GrantService } from './grant.service.js';
import { isOidcScope, UNVERIFIED_API_SCOPES } from './scopes-of-client.js';

export const CLI_CLIENT_ID = 'tollgate-cli';
/** Longer than a client's token, as a script has nothing to refresh it with. */
const LIFETIME_SECONDS_DEFAULT = 60 * 60;

export interface CliTokenRequest {
  email: string;
  scopes: readonly Scope[];
  lifetimeSeconds?: number;
}

/** Makes access tokens for scripts by direct access to the database, which counts as a factor of its own (`amr: ["cli"]`). */
@Injectable()
export class CliTokenService {
  constructor(
    private readonly users: UserRepository,
    private readonly grants: GrantService,
    private readonly tokens: AccessTokens,
    private readonly events: AuthEventRecorder,
  ) {}

  /**
   * The token, which every guard takes like one of the sign-in. A user whose address is not confirmed gets the scopes of such a user.
   * @throws UserNotFoundError
   */
  async issue({ email, scopes, lifetimeSeconds = LIFETIME_SECONDS_DEFAULT }: CliTokenRequest): Promise<string> {
    if (lifetimeSeconds > ACCESS_TOKEN_SECONDS_MAX) {
      throw new RangeError(`a token lives for at most ${ACCESS_TOKEN_SECONDS_MAX} seconds`);
    }
    const user = await this.users.findByEmail(email);
    if (!user) throw new UserNotFoundError(email);
    const granted = user.emailVerifiedAt === null ? scopes.filter(isOpenToUnverified) : [...scopes];
    const signIn = { userId: user.id, clientId: CLI_CLIENT_ID, acr: STRONG_ACR, amr: ['cli'] };
    const grantId = await this.grants.open({
      ...signIn,
      scopes: granted,
      device: { name: 'Command line', platform: null, appVersion: null },
      ip: null,
      lifetimeMs: lifetimeSeconds * 1000,
    });
    await this.events.record({ event: 'cli_token_issued', userId: user.id, grantId, clientId: CLI_CLIENT_ID });
    return this.tokens.sign({ ...signIn, grantId, scopes: new Set(granted), lifetimeSeconds });
  }
}

function isOpenToUnverified(scope: Scope): boolean {
  return isOidcScope(scope) || UNVERIFIED_API_SCOPES.includes(scope);
}
