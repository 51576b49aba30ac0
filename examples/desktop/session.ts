import * as oauth from 'openid-client';
import { Failure } from './failure.js';
import { toStoredTokens } from './sign-in.js';
import type { StoredTokens, TokenFile } from './token-file.js';

/** A token is replaced this long before its end, so that it does not end on the way to the server. */
const REFRESH_AHEAD_MS = 30_000;

/** Requests in the name of the person who is signed in. Every refresh is one at a time, over all clients of this user on this computer. */
export class Session {
  constructor(
    private readonly file: TokenFile,
    private readonly configuration: () => Promise<oauth.Configuration>,
  ) {}

  /**
   * `fetch` with a valid access token. The server has the last word on what is valid: its 401 leads to one refresh and one more attempt,
   * whatever this computer's clock says.
   */
  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const token = await this.accessToken();
    const response = await send(input, init, token);
    if (response.status !== 401 || !response.headers.get('www-authenticate')?.includes('invalid_token'))
      return response;
    await response.body?.cancel();
    return send(input, init, await this.refreshed(token));
  };

  /** Keeps a new sign-in, and ends the one that it replaces. */
  async begin(tokens: StoredTokens): Promise<void> {
    const replaced = await this.file.exclusively(async () => {
      const stored = this.file.read();
      this.file.write(tokens);
      return stored;
    });
    if (replaced) await oauth.tokenRevocation(await this.configuration(), replaced.refreshToken);
  }

  /** Ends the sign-in, first on the server. @throws Failure when the server cannot be told */
  async signOut(): Promise<'done' | 'nobody'> {
    return this.file.exclusively(async () => {
      const stored = this.file.readToSignOut();
      if (!stored) return 'nobody';
      try {
        await oauth.tokenRevocation(await this.configuration(), stored.refreshToken);
      } catch (error) {
        throw new Failure(
          'unavailable',
          'The sign-in was deleted here, but the server could not be told and keeps it until it ends by itself.',
          error,
        );
      } finally {
        this.file.remove();
      }
      return 'done';
    });
  }

  private async accessToken(): Promise<string> {
    const stored = this.file.read();
    return stored && isFresh(stored) ? stored.accessToken : this.refreshed(null);
  }

  /**
   * A refresh token works once: a second use is taken for a theft and ends the sign-in. So this happens under a lock, and whoever gets the
   * lock looks first whether another client has done the work meanwhile.
   */
  private async refreshed(rejected: string | null): Promise<string> {
    return this.file.exclusively(async () => {
      const stored = this.file.read();
      if (!stored) throw new Failure('signIn', 'You have been signed out in another window: start again to sign in.');
      if (isFresh(stored) && stored.accessToken !== rejected) return stored.accessToken;
      const tokens = await this.refreshGrant(stored);
      this.file.write(tokens);
      return tokens.accessToken;
    });
  }

  private async refreshGrant({ refreshToken, email }: StoredTokens): Promise<StoredTokens> {
    try {
      return toStoredTokens(await oauth.refreshTokenGrant(await this.configuration(), refreshToken), email);
    } catch (error) {
      if (!(error instanceof oauth.ResponseBodyError)) throw error;
      if (error.error !== 'invalid_grant') throw notNow(error);
      this.file.remove();
      throw new Failure(
        'signIn',
        'The sign-in of this device has ended: it was revoked, or not used for too long; start again to sign in.',
        error,
      );
    }
  }
}

/** The sign-in is kept: the server takes nothing from anybody at this moment, such as too many requests. */
function notNow(error: oauth.ResponseBodyError): Failure {
  const reason = (error.error_description ?? error.error).replace(/\.$/, '');
  return new Failure('unavailable', `The server does not renew the sign-in now (${reason}): try again later.`, error);
}

function isFresh({ accessExpiresAtMs }: StoredTokens): boolean {
  return accessExpiresAtMs - REFRESH_AHEAD_MS > Date.now();
}

function send(input: string | URL | Request, init: RequestInit, token: string): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${token}`);
  return fetch(input, { ...init, headers });
}
