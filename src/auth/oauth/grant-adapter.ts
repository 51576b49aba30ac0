import type { Adapter, AdapterPayload, KoaContextWithOIDC } from 'oidc-provider';
import { Provider } from './oidc-engine.js';
import type { GrantService, RevokeReason } from './grant.service.js';
import { requestOrigin } from './request-origin.js';
import { isOidcScope } from './scopes-of-client.js';

/** The provider's view of `auth_grants`: the row holds scopes, the provider wants them by resource. Grants are opened by consent only. */
export class GrantAdapter implements Adapter {
  constructor(
    private readonly grants: GrantService,
    private readonly resource: string,
  ) {}

  async find(id: string): Promise<AdapterPayload | undefined> {
    const grant = await this.grants.find(id);
    if (!grant) return undefined;
    const apiScopes = grant.scopes.filter((scope) => !isOidcScope(scope));
    return {
      kind: 'Grant',
      jti: grant.id,
      accountId: grant.userId,
      clientId: grant.clientId,
      iat: Math.floor(grant.createdAt.getTime() / 1000),
      exp: Math.floor(grant.expiresAt.getTime() / 1000),
      openid: { scope: grant.scopes.filter(isOidcScope).join(' ') },
      resources: apiScopes.length > 0 ? { [this.resource]: apiScopes.join(' ') } : {},
    };
  }

  async destroy(id: string): Promise<void> {
    await this.grants.revoke({ id }, { reason: revokeReason() }, requestOrigin());
  }

  upsert(): Promise<void> {
    return Promise.reject(new Error('a grant is opened by the consent page, not by the provider'));
  }

  findByUid(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  consume(): Promise<void> {
    return Promise.reject(new Error('a grant cannot be consumed'));
  }

  revokeByGrantId(): Promise<void> {
    return Promise.resolve();
  }
}

/** The provider says that a grant ends, not why; the endpoint that it is serving tells. */
function revokeReason(): RevokeReason {
  const oidc = (Provider.ctx as KoaContextWithOIDC | undefined)?.oidc;
  if (oidc?.route === 'revocation') return 'revoked_by_client';
  if (oidc?.route !== 'token') return 'signed_out';
  return oidc.params?.['grant_type'] === 'refresh_token' ? 'refresh_reuse' : 'code_reuse';
}
