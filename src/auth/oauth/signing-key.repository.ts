import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { SigningKey } from './signing-key.entity.js';

export interface NewSigningKey {
  kid: string;
  alg: string;
  privateJwkSealed: Buffer;
  publicJwk: Record<string, unknown>;
  activatedAt: Date;
}

@Injectable()
export class SigningKeyRepository {
  constructor(private readonly em: EntityManager) {}

  /** All keys that still verify something, the active ones first: the first key of an algorithm signs. */
  findUsable(): Promise<SigningKey[]> {
    return this.em
      .fork()
      .find(SigningKey, { state: { $ne: 'retired' } })
      .then((keys) => keys.toSorted((a, b) => rank(a.state) - rank(b.state)));
  }

  /** Makes the key active unless its algorithm has an active key already, as when two processes start at once. */
  async addActive(key: NewSigningKey): Promise<void> {
    await this.em.fork().execute(
      `insert into signing_keys (kid, alg, private_jwk_sealed, public_jwk, state, activated_at)
       values (?, ?, decode(?, 'hex'), ?::jsonb, 'active', ?) on conflict (alg) where state = 'active' do nothing`,
      [key.kid, key.alg, key.privateJwkSealed.toString('hex'), JSON.stringify(key.publicJwk), key.activatedAt],
    );
  }
}

function rank(state: SigningKey['state']): number {
  switch (state) {
    case 'active':
      return 0;
    case 'retiring':
      return 1;
    case 'next':
      return 2;
    case 'retired':
      return 3;
  }
}
