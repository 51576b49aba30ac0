import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify, type JWK, type JWTPayload } from 'jose';
import { WallClock } from '../../common/clock.js';
import { Config } from '../../config/config.js';
import { DPOP_ALGORITHMS } from '../auth.errors.js';
import { OidcArtifactRepository } from '../oauth/oidc-artifact.repository.js';

/** A proof is made for one request; this is how long that may be under way. */
const AGE_SECONDS_MAX = 60;
/** How far ahead of ours a client's clock may be. */
const AHEAD_SECONDS_MAX = 15;
const JTI_LENGTH_MAX = 200;

/** What a proof has to fit. */
export interface ProvenRequest {
  method: string;
  /** As it was asked for, with or without a query. */
  path: string;
  accessToken: string;
  /** Thumbprint of the key that the token is bound to. */
  jkt: string;
}

/** Why a proof is refused, in words for its sender. */
export class DpopProofFault extends Error {}

/** Checks proofs of possession (RFC 9449 section 4.3). Each is taken once, over all replicas. */
@Injectable()
export class DpopProofs {
  constructor(
    private readonly config: Config,
    private readonly clock: WallClock,
    private readonly artifacts: OidcArtifactRepository,
  ) {}

  /** @throws DpopProofFault */
  async check(proof: string | undefined, request: ProvenRequest): Promise<void> {
    if (proof === undefined) throw new DpopProofFault('The token is bound to a key: send a DPoP proof with it.');
    const { payload, jwk } = await this.open(proof);
    this.checkClaims(payload, request);
    if ((await calculateJwkThumbprint(jwk)) !== request.jkt) {
      throw new DpopProofFault('The proof was made with another key than the token is bound to.');
    }
    const id = `${request.jkt}:${String(payload.jti)}`;
    const isNew = await this.artifacts.addOnce('DpopProof', id, AGE_SECONDS_MAX + AHEAD_SECONDS_MAX);
    if (!isNew) throw new DpopProofFault('The proof was used before. Make a new one for each request.');
  }

  private async open(proof: string): Promise<{ payload: JWTPayload; jwk: JWK }> {
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        algorithms: DPOP_ALGORITHMS,
        typ: 'dpop+jwt',
        requiredClaims: ['jti', 'htm', 'htu', 'iat', 'ath'],
        currentDate: this.clock.now(),
      });
      return { payload, jwk: protectedHeader.jwk! };
    } catch (error) {
      if (!(error instanceof errors.JOSEError || error instanceof TypeError)) throw error;
      throw new DpopProofFault('The DPoP proof is no proof of RFC 9449.');
    }
  }

  private checkClaims({ jti, iat = 0, htm, htu, ath }: JWTPayload, request: ProvenRequest): void {
    const age = Math.floor(this.clock.now().getTime() / 1_000) - iat;
    if (age > AGE_SECONDS_MAX || age < -AHEAD_SECONDS_MAX) throw new DpopProofFault('The proof is not of this moment.');
    if (typeof jti !== 'string' || jti.length > JTI_LENGTH_MAX) {
      throw new DpopProofFault(`The jti of a proof has at most ${JTI_LENGTH_MAX} characters.`);
    }
    if (htm !== request.method) throw new DpopProofFault('The proof was made for another method.');
    if (addressOf(htu) !== addressOf(`${this.config.publicUrl}${request.path}`)) {
      throw new DpopProofFault('The proof was made for another address.');
    }
    const expected = createHash('sha256').update(request.accessToken).digest('base64url');
    if (ath !== expected) throw new DpopProofFault('The proof was made for another token.');
  }
}

/** Without query and fragment, in the one spelling of an address; undefined for what is none. */
function addressOf(address: unknown): string | undefined {
  const url = typeof address === 'string' ? URL.parse(address) : null;
  return url ? `${url.origin}${url.pathname}` : undefined;
}
