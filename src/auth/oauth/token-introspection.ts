import { decodeJwt } from 'jose';
import type { Client, default as OidcProvider, KoaContextWithOIDC } from 'oidc-provider';
import { KIND_RULES } from './client-kinds.js';

/** Whether a token would be let in by this server's own guard at this moment. */
export type IsLive = (token: string) => Promise<boolean>;

/**
 * Lets registered resource servers ask about access tokens (RFC 7662). The engine keeps no signed tokens and answers that it cannot tell; the
 * guard can, revocation included. Whoever is no resource server gets the engine's answer.
 */
export function introspectAccessTokens(provider: OidcProvider, isLive: IsLive): void {
  provider.use(async (ctx, next) => {
    await next();
    const { oidc } = ctx as KoaContextWithOIDC;
    const { error } = (ctx.body ?? {}) as { error?: string };
    if (oidc?.route !== 'introspection' || error !== 'unsupported_token_type' || !isResourceServer(oidc.client)) return;
    const token = String(oidc.params?.['token']);
    ctx.status = 200;
    ctx.body = (await isLive(token)) ? { active: true, ...claimsOf(token) } : { active: false };
  });
}

/** One that has proved its secret, as the engine asked of it, and gets no tokens itself. */
function isResourceServer(client: Client | undefined): boolean {
  return client !== undefined && client.grantTypes?.length === KIND_RULES['resource-server'].grantTypes.length;
}

function claimsOf(token: string): Record<string, unknown> {
  const { sub, aud, iss, exp, iat, jti, client_id, scope, cnf, acr, amr, auth_time } = decodeJwt(token);
  const token_type = cnf === undefined ? 'Bearer' : 'DPoP';
  return { sub, aud, iss, exp, iat, jti, client_id, scope, cnf, acr, amr, auth_time, token_type };
}
