import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { WallClock } from '../../common/clock.js';
import { isScope } from '../oauth/scopes-of-client.js';
import { AccessTokenFault, type AccessTokenContent } from './access-tokens.js';
import { hashOf, isWellFormed } from './api-key-format.js';
import { ApiKeyRepository } from './api-key.repository.js';
import { ApiKeyUses } from './api-key-uses.js';

/** A key is looked up again after this long. Expiry, revocation and the user's state are checked every time. */
const KNOWN_MS = 60_000;
const KNOWN_MAX = 50_000;
/** What stands where an access token names its client. */
const CLIENT_ID = 'api-key';

/** Reads API keys: the other credential beside access tokens, and looked at like one once it is known. */
@Injectable()
export class ApiKeyVerifier {
  private readonly known = new LRUCache<string, AccessTokenContent>({ max: KNOWN_MAX, ttl: KNOWN_MS });

  constructor(
    private readonly keys: ApiKeyRepository,
    private readonly uses: ApiKeyUses,
    private readonly clock: WallClock,
  ) {}

  /** What a key gives access to, if it is one of ours and in its time. The user is not looked up. @throws AccessTokenFault */
  async read(key: string): Promise<AccessTokenContent> {
    if (!isWellFormed(key)) {
      throw new AccessTokenFault('The API key is mistyped or incomplete: it begins with tg_ and has 49 characters.');
    }
    const content = await this.find(key);
    const now = this.clock.now();
    if (content.expiresAtMs <= now.getTime()) throw new AccessTokenFault('The API key has expired. Make a new one.');
    this.uses.note(content.grantId, now);
    return content;
  }

  private async find(key: string): Promise<AccessTokenContent> {
    const hash = hashOf(key);
    const name = hash.toString('base64');
    const known = this.known.get(name);
    if (known) return known;
    const row = await this.keys.findLiveByHash(hash);
    if (!row) throw new AccessTokenFault('The API key was revoked, or is none of this server.');
    const content: AccessTokenContent = {
      userId: row.userId,
      grantId: row.id,
      clientId: CLIENT_ID,
      scopes: new Set(row.scopes.filter(isScope)),
      acr: undefined,
      amr: [],
      authenticatedAtMs: undefined,
      jkt: undefined,
      expiresAtMs: row.expiresAt?.getTime() ?? Infinity,
    };
    this.known.set(name, content);
    return content;
  }
}
