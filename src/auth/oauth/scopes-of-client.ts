import { SCOPES, type Scope } from '../../common/http/route-markers.js';

/** Scopes that OpenID Connect defines; all others belong to our API, the resource server. */
export const OIDC_SCOPES = ['openid', 'email', 'profile'] as const;

/** What a user whose address is not confirmed yet may do with the API. */
export const UNVERIFIED_API_SCOPES: readonly Scope[] = ['user.info'];

export function isOidcScope(scope: string): boolean {
  return (OIDC_SCOPES as readonly string[]).includes(scope);
}

export function isScope(scope: string): scope is Scope {
  return (SCOPES as readonly string[]).includes(scope);
}
