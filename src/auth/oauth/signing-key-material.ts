import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Sealer } from '../sealer.js';

/** Access tokens and our clients' ID tokens are ES256; RS256 is what OpenID Connect wants every provider to offer. */
export const SIGNING_ALGORITHMS = ['ES256', 'RS256'] as const;

export interface SigningKeyMaterial {
  kid: string;
  alg: string;
  privateJwkSealed: Buffer;
  publicJwk: Record<string, unknown>;
}

/** A new key pair, its private half sealed for the row that it will be in. */
export async function makeSigningKey(alg: string, sealer: Sealer): Promise<SigningKeyMaterial> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);
  const privateJwk = JSON.stringify(await exportJWK(privateKey));
  return {
    kid,
    alg,
    privateJwkSealed: sealer.seal(privateJwk, sealingContext(kid)),
    publicJwk: { ...publicJwk, kid, alg, use: 'sig' },
  };
}

export function openSigningKey(key: Omit<SigningKeyMaterial, 'publicJwk'>, sealer: Sealer): JWK {
  const privateJwk = JSON.parse(sealer.open(key.privateJwkSealed, sealingContext(key.kid))) as JWK;
  return { ...privateJwk, kid: key.kid, alg: key.alg, use: 'sig' };
}

function sealingContext(kid: string): string {
  return `signing_keys:${kid}`;
}
