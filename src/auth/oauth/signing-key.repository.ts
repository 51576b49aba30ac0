import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { SigningKey } from './signing-key.entity.js';
import type { SigningKeyMaterial } from './signing-key-material.js';

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

  /** Every key there ever was, the newest first. */
  findAll(): Promise<SigningKey[]> {
    return this.em.fork().find(SigningKey, {}, { orderBy: { createdAt: 'desc', kid: 'asc' } });
  }

  /** Makes the key active unless its algorithm has an active key already, as when two processes start at once. */
  async addActive(key: SigningKeyMaterial, now: Date): Promise<void> {
    await this.em.fork().execute(
      `insert into signing_keys (kid, alg, private_jwk_sealed, public_jwk, state, activated_at, created_at, updated_at)
       values (?, ?, decode(?, 'hex'), ?::jsonb, 'active', ?, ?, ?) on conflict (alg) where state = 'active' do nothing`,
      [key.kid, key.alg, key.privateJwkSealed.toString('hex'), JSON.stringify(key.publicJwk), now, now, now],
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
