import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { OAuthClient } from './oauth-client.entity.js';

@Injectable()
export class OAuthClientRepository {
  constructor(private readonly em: EntityManager) {}

  findActive(clientId: string): Promise<OAuthClient | null> {
    return this.em.fork().findOne(OAuthClient, { clientId, isActive: true });
  }
}
