import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { KeyService } from '../oauth/key.service.js';
import { AccessTokens, type AccessTokenContent } from './access-tokens.js';
import { looksLikeApiKey } from './api-key-format.js';
import { ApiKeyVerifier } from './api-key.verifier.js';

/** A signature is checked again after this long. Expiry, revocation and the user's state are checked every time. */
const VERIFIED_MS = 60_000;
const VERIFIED_MAX = 50_000;

/** Reads what a request proves itself with: an access token, remembered for a while, or an API key. */
@Injectable()
export class CredentialReader {
  private readonly verified = new LRUCache<string, AccessTokenContent>({ max: VERIFIED_MAX, ttl: VERIFIED_MS });

  constructor(
    private readonly tokens: AccessTokens,
    private readonly apiKeys: ApiKeyVerifier,
    keys: KeyService,
  ) {
    keys.onChange(() => this.verified.clear());
  }

  /** @throws AccessTokenFault */
  read(credential: string): Promise<AccessTokenContent> {
    return looksLikeApiKey(credential) ? this.apiKeys.read(credential) : this.readToken(credential);
  }

  private async readToken(token: string): Promise<AccessTokenContent> {
    const key = hash('sha256', token, 'base64');
    const known = this.verified.get(key);
    if (known && !this.tokens.isExpired(known)) return known;
    const content = await this.tokens.read(token);
    this.verified.set(key, content);
    return content;
  }
}
