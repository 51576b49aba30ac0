import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { OAuthClient } from './oauth-client.entity.js';

@Injectable()
export class OAuthClientRepository {
  constructor(private readonly em: EntityManager) {}

  findActive(clientId: string): Promise<OAuthClient | null> {
    return this.em.fork().findOne(OAuthClient, { clientId, isActive: true });
  }

  /** What people know the clients as, by their ids. */
  async namesOf(clientIds: readonly string[]): Promise<Map<string, string>> {
    const wanted = { clientId: { $in: [...new Set(clientIds)] } };
    const clients = await this.em.fork().find(OAuthClient, wanted, { fields: ['clientId', 'clientName'] });
    return new Map(clients.map(({ clientId, clientName }) => [clientId, clientName]));
  }
}
