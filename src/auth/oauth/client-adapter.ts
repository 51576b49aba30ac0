import type { Adapter, AdapterPayload, AllClientMetadata } from 'oidc-provider';
import type { OAuthClient } from './oauth-client.entity.js';
import type { OAuthClientRepository } from './oauth-client.repository.js';
import { hasNul } from '../../common/domain/nul.js';
import { isOidcScope } from './scopes-of-client.js';

/** The provider reads clients anew for each request, so a change of the row applies at once. */
export class ClientAdapter implements Adapter {
  constructor(private readonly clients: OAuthClientRepository) {}

  async find(clientId: string): Promise<AdapterPayload | undefined> {
    const client = hasNul(clientId) ? undefined : await this.clients.findActive(clientId);
    return client ? toClientMetadata(client) : undefined;
  }

  upsert(): Promise<void> {
    return Promise.reject(new Error('clients are registered by operators'));
  }

  findByUid(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  consume(): Promise<void> {
    return Promise.reject(new Error('a client cannot be consumed'));
  }

  destroy(): Promise<void> {
    return Promise.reject(new Error('clients are removed by operators'));
  }

  revokeByGrantId(): Promise<void> {
    return Promise.resolve();
  }
}

/** Metadata of ours: the scopes of our API, which the provider would refuse among OpenID Connect's, and whether the client is made for it. */
export const API_SCOPES_METADATA = 'api_scopes';
export const FIRST_PARTY_METADATA = 'first_party';

export type ClientRow = Pick<
  OAuthClient,
  'clientId' | 'clientName' | 'redirectUris' | 'grantTypes' | 'scopes' | 'metadata' | 'secretHash'
>;

/** A client as the engine wants it. In the place of the secret is its hash, which the engine is taught to compare with. */
export function toClientMetadata(client: ClientRow): AllClientMetadata & { client_id: string } {
  return {
    ...client.metadata,
    client_id: client.clientId,
    client_name: client.clientName,
    ...(client.secretHash ? { client_secret: Buffer.from(client.secretHash).toString('base64url') } : {}),
    redirect_uris: client.redirectUris,
    grant_types: client.grantTypes,
    response_types: client.grantTypes.includes('authorization_code') ? ['code'] : [],
    // The engine takes no empty scope.
    scope: client.scopes.filter(isOidcScope).join(' ') || undefined,
    [API_SCOPES_METADATA]: client.scopes.filter((scope) => !isOidcScope(scope)),
  };
}
