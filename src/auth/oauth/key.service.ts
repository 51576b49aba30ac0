import { Injectable } from '@nestjs/common';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose';
import { WallClock } from '../../common/clock.js';
import { Sealer } from '../sealer.js';
import type { SigningKey } from './signing-key.entity.js';
import { SigningKeyRepository } from './signing-key.repository.js';

/** Access tokens and our clients' ID tokens are ES256; RS256 is what OpenID Connect wants every provider to offer. */
const ALGORITHMS = ['ES256', 'RS256'] as const;
export const ACCESS_TOKEN_ALGORITHM = 'ES256';

/** A token with an unknown key id makes us look for new keys, but not more often than this. */
const RELOAD_COOLDOWN_MS = 10_000;

interface LoadedKeys {
  /** Private keys for the provider; the first of an algorithm signs. */
  privateJwks: JWK[];
  publicKeys: Map<string, { alg: string; key: CryptoKey }>;
  signing: { kid: string; key: CryptoKey };
}

/** The keys that sign tokens. Made when there are none, kept sealed in the database, shared by all replicas. */
@Injectable()
export class KeyService {
  private loading: Promise<LoadedKeys> | undefined;
  private reloadedAtMs = 0;

  constructor(
    private readonly repository: SigningKeyRepository,
    private readonly sealer: Sealer,
    private readonly clock: WallClock,
  ) {}

  /** Private keys as the provider wants them. */
  async privateJwks(): Promise<JWK[]> {
    return (await this.loaded()).privateJwks;
  }

  /** The key that signs access tokens now. */
  async signingKey(): Promise<{ kid: string; key: CryptoKey }> {
    return (await this.loaded()).signing;
  }

  /** The public key of an access token's `kid`, if it is one of ours and made for {@link ACCESS_TOKEN_ALGORITHM}. */
  async accessTokenKey(kid: string): Promise<CryptoKey | undefined> {
    let found = (await this.loaded()).publicKeys.get(kid);
    if (!found && this.clock.now().getTime() - this.reloadedAtMs > RELOAD_COOLDOWN_MS) {
      this.reloadedAtMs = this.clock.now().getTime();
      // Until the new keys are read, and if they cannot be, those known go on working.
      const reloaded = await this.load();
      this.loading = Promise.resolve(reloaded);
      found = reloaded.publicKeys.get(kid);
    }
    return found?.alg === ACCESS_TOKEN_ALGORITHM ? found.key : undefined;
  }

  private loaded(): Promise<LoadedKeys> {
    if (!this.loading) {
      this.reloadedAtMs = this.clock.now().getTime();
      this.loading = this.load();
      this.loading.catch(() => (this.loading = undefined));
    }
    return this.loading;
  }

  private async load(): Promise<LoadedKeys> {
    let keys = await this.repository.findUsable();
    const missing = ALGORITHMS.filter((alg) => !keys.some((key) => key.alg === alg && key.state === 'active'));
    if (missing.length > 0) {
      for (const alg of missing) await this.create(alg);
      keys = await this.repository.findUsable();
    }
    return this.open(keys);
  }

  private async create(alg: string): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const publicJwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(publicJwk);
    const privateJwk = JSON.stringify(await exportJWK(privateKey));
    await this.repository.addActive({
      kid,
      alg,
      privateJwkSealed: this.sealer.seal(privateJwk, sealingContext(kid)),
      publicJwk: { ...publicJwk, kid, alg, use: 'sig' },
      activatedAt: this.clock.now(),
    });
  }

  private async open(keys: SigningKey[]): Promise<LoadedKeys> {
    const privateJwks: JWK[] = [];
    const publicKeys: LoadedKeys['publicKeys'] = new Map();
    for (const { kid, alg, privateJwkSealed, publicJwk } of keys) {
      const privateJwk = JSON.parse(this.sealer.open(privateJwkSealed, sealingContext(kid))) as JWK;
      privateJwks.push({ ...privateJwk, kid, alg, use: 'sig' });
      publicKeys.set(kid, { alg, key: (await importJWK(publicJwk as JWK, alg)) as CryptoKey });
    }
    const signing = privateJwks.find((jwk) => jwk.alg === ACCESS_TOKEN_ALGORITHM);
    if (!signing?.kid) throw new Error(`there is no active ${ACCESS_TOKEN_ALGORITHM} signing key`);
    const key = (await importJWK(signing, ACCESS_TOKEN_ALGORITHM)) as CryptoKey;
    return { privateJwks, publicKeys, signing: { kid: signing.kid, key } };
  }
}

function sealingContext(kid: string): string {
  return `signing_keys:${kid}`;
}
