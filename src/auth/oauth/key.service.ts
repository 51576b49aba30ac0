import { Injectable, type OnModuleInit } from '@nestjs/common';
import { importJWK, type CryptoKey, type JWK } from 'jose';
import { WallClock } from '../../common/clock.js';
import { Notifications } from '../../database/notifications.js';
import { Sealer } from '../sealer.js';
import type { SigningKey } from './signing-key.entity.js';
import { makeSigningKey, openSigningKey, SIGNING_ALGORITHMS } from './signing-key-material.js';
import { SigningKeyRepository } from './signing-key.repository.js';

export const ACCESS_TOKEN_ALGORITHM = 'ES256';

const CHANNEL = 'signing_keys_changed';
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
export class KeyService implements OnModuleInit {
  private readonly observers: (() => void | Promise<void>)[] = [];
  private loading: Promise<LoadedKeys> | undefined;
  private reloadedAtMs = 0;
  private following: Promise<void> = Promise.resolve();

  constructor(
    private readonly repository: SigningKeyRepository,
    private readonly sealer: Sealer,
    private readonly clock: WallClock,
    private readonly notifications: Notifications,
  ) {}

  async onModuleInit(): Promise<void> {
    // One after the other; until they can be read, those known go on signing.
    await this.notifications.listen(CHANNEL, () => {
      this.following = this.following.catch(() => undefined).then(() => this.reload());
      return this.following;
    });
  }

  /** Calls `observer` after the keys of this process were replaced. */
  onChange(observer: () => void | Promise<void>): void {
    this.observers.push(observer);
  }

  /** Makes every replica read the keys again, this one before the promise resolves. */
  async announceChange(): Promise<void> {
    await this.reload();
    await this.notifications.notify(CHANNEL);
  }

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

  private async reload(): Promise<void> {
    this.loading = Promise.resolve(await this.load());
    for (const observer of this.observers) await observer();
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
    const missing = SIGNING_ALGORITHMS.filter((alg) => !keys.some((key) => key.alg === alg && key.state === 'active'));
    if (missing.length > 0) {
      for (const alg of missing) {
        await this.repository.addActive(await makeSigningKey(alg, this.sealer), this.clock.now());
      }
      keys = await this.repository.findUsable();
    }
    return this.open(keys);
  }

  private async open(keys: SigningKey[]): Promise<LoadedKeys> {
    const publicKeys: LoadedKeys['publicKeys'] = new Map();
    for (const { kid, alg, publicJwk } of keys) {
      publicKeys.set(kid, { alg, key: (await importJWK(publicJwk as JWK, alg)) as CryptoKey });
    }
    const privateJwks = keys.map(({ kid, alg, privateJwkSealed }) =>
      openSigningKey({ kid, alg, privateJwkSealed: Buffer.from(privateJwkSealed) }, this.sealer),
    );
    const signing = privateJwks.find((jwk) => jwk.alg === ACCESS_TOKEN_ALGORITHM);
    if (!signing?.kid) throw new Error(`there is no active ${ACCESS_TOKEN_ALGORITHM} signing key`);
    const key = (await importJWK(signing, ACCESS_TOKEN_ALGORITHM)) as CryptoKey;
    return { privateJwks, publicKeys, signing: { kid: signing.kid, key } };
  }
}
