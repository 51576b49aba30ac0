import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../src/common/ids.js';
import { SCOPES } from '../src/common/http/route-markers.js';

interface SeedClient {
  clientId: string;
  clientName: string;
  redirectUris: string[];
  grantTypes: string[];
  scopes: readonly string[];
  metadata: Record<string, unknown>;
}

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const PUBLIC_CLIENT = { token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256', first_party: true };

/** The product's own clients. A loopback address without a port stands for any port (RFC 8252 section 7.3). */
export function seedClients(publicUrl: string): SeedClient[] {
  return [
    {
      clientId: 'textassistant-desktop',
      clientName: 'Text Assistant Desktop',
      redirectUris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
      grantTypes: ['authorization_code', 'refresh_token'],
      scopes: ['openid', 'email', 'profile', 'llm.inference', 'models.read', 'user.info', 'credits.read'],
      metadata: {
        ...PUBLIC_CLIENT,
        application_type: 'native',
        post_logout_redirect_uris: ['http://127.0.0.1/signed-out'],
      },
    },
    {
      clientId: 'tollgate-console',
      clientName: 'Tollgate Console',
      redirectUris: [`${publicUrl}/console/callback`],
      grantTypes: ['authorization_code', 'refresh_token'],
      scopes: ['openid', 'email', 'profile', 'user.info', 'admin'],
      metadata: {
        ...PUBLIC_CLIENT,
        // OpenID Connect allows plain http only for native clients; a development server has no certificate.
        application_type: publicUrl.startsWith('https:') ? 'web' : 'native',
        post_logout_redirect_uris: [`${publicUrl}/console`],
      },
    },
    {
      clientId: 'tollgate-account',
      clientName: 'Tollgate Account',
      redirectUris: [`${publicUrl}/account/callback`],
      grantTypes: ['authorization_code'],
      scopes: ['openid'],
      metadata: { ...PUBLIC_CLIENT, application_type: publicUrl.startsWith('https:') ? 'web' : 'native' },
    },
    {
      clientId: 'tollgate-cli',
      clientName: 'Tollgate Command Line',
      redirectUris: [],
      grantTypes: [DEVICE_CODE, 'refresh_token'],
      scopes: SCOPES,
      metadata: { ...PUBLIC_CLIENT, application_type: 'native' },
    },
  ];
}

/**
 * Brings the product's own clients to what this version needs. One that an operator has changed is theirs from then on; `is_active` is always
 * left alone. Safe to repeat.
 */
export async function seedOAuthClients(em: EntityManager, publicUrl: string): Promise<void> {
  for (const client of seedClients(publicUrl)) {
    await em.execute(
      `insert into oauth_clients (id, client_id, client_name, client_type, redirect_uris, grant_types, scopes, metadata)
       select ?::uuid, ?, ?, 'public',
         array(select jsonb_array_elements_text(?::jsonb)), array(select jsonb_array_elements_text(?::jsonb)),
         array(select jsonb_array_elements_text(?::jsonb)), ?::jsonb
       on conflict (client_id) do update set client_name = excluded.client_name, client_type = excluded.client_type,
         redirect_uris = excluded.redirect_uris, grant_types = excluded.grant_types, scopes = excluded.scopes,
         metadata = excluded.metadata, updated_at = now()
       where not exists (
         select from audit_trail_all a
         where a.entity = 'oauth_client' and a.entity_id = excluded.client_id and a.action = 'oauth_client.update'
           and a.before - 'isActive' is distinct from a.after - 'isActive')`,
      [
        newId(),
        client.clientId,
        client.clientName,
        JSON.stringify(client.redirectUris),
        JSON.stringify(client.grantTypes),
        JSON.stringify(client.scopes),
        JSON.stringify(client.metadata),
      ],
    );
  }
}
