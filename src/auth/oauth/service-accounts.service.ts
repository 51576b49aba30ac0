import { Injectable } from '@nestjs/common';
import { SINGLE_FACTOR_ACR } from '../access/authentication-strength.js';
import { UserRepository } from '../identity/user.repository.js';
import { AuthGrantRepository } from './auth-grant.repository.js';
import { GrantService } from './grant.service.js';
import { OAuthClientRepository } from './oauth-client.repository.js';
import { errors } from './oidc-engine.js';

/** What a service token stands for. */
export interface ServiceAccess {
  userId: string;
  grantId: string;
}

/** Programs without a person. Their tokens are their owner's, who is charged and who can end them like a device. */
@Injectable()
export class ServiceAccounts {
  constructor(
    private readonly clients: OAuthClientRepository,
    private readonly users: UserRepository,
    private readonly grants: GrantService,
    private readonly rows: AuthGrantRepository,
  ) {}

  /** The grant behind the next token of a client, opened when there is none. @throws errors.UnauthorizedClient */
  async accessOf(clientId: string): Promise<ServiceAccess> {
    const client = await this.clients.findActive(clientId);
    const owner = client?.ownerUserId ? await this.users.findById(client.ownerUserId) : null;
    if (!client || owner?.status !== 'active') {
      throw new errors.UnauthorizedClient('the owner of this service account is not active');
    }
    const open = await this.rows.findLiveOfClient(owner.id, clientId);
    if (open) {
      await this.grants.recordUse(open.id, null);
      return { userId: owner.id, grantId: open.id };
    }
    const grantId = await this.grants.open({
      userId: owner.id,
      clientId,
      scopes: client.scopes,
      device: { name: client.clientName, platform: null, appVersion: null },
      ip: null,
      acr: SINGLE_FACTOR_ACR,
      amr: [],
    });
    return { userId: owner.id, grantId };
  }
}
