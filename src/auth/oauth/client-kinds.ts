import type { FieldError } from '../../common/errors/app-error.js';
import { isOidcScope } from './scopes-of-client.js';

/** What a client is decides how it proves itself and what it may ask for. */
export const CLIENT_KINDS = ['native', 'web', 'device', 'service', 'resource-server'] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

export const CLIENT_AUTH_METHODS = ['client_secret_basic', 'client_secret_post'] as const;
export type ClientAuthMethod = (typeof CLIENT_AUTH_METHODS)[number];

interface KindRule {
  grantTypes: readonly string[];
  applicationType: 'native' | 'web';
  hasSecret: boolean;
}

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

export const KIND_RULES: Readonly<Record<ClientKind, KindRule>> = {
  /** An app on a person's machine: PKCE, loopback redirects, no secret that its users could not read. */
  native: { grantTypes: ['authorization_code', 'refresh_token'], applicationType: 'native', hasSecret: false },
  /** A server that signs people in. */
  web: { grantTypes: ['authorization_code', 'refresh_token'], applicationType: 'web', hasSecret: true },
  /** A program without a browser of its own. */
  device: { grantTypes: [DEVICE_CODE_GRANT, 'refresh_token'], applicationType: 'native', hasSecret: false },
  /** A program without a person: its calls are charged to its owner. */
  service: { grantTypes: ['client_credentials'], applicationType: 'web', hasSecret: true },
  /** Another API that takes our tokens: it may ask about them and nothing else. */
  'resource-server': { grantTypes: [], applicationType: 'web', hasSecret: true },
};

export interface ClientTerms {
  kind: ClientKind;
  redirectUris: readonly string[];
  scopes: readonly string[];
  ownerUserId: string | null;
}

/** What of the terms does not fit the kind; the engine checks the rest. */
export function faultsOfTerms({ kind, redirectUris, scopes, ownerUserId }: ClientTerms): FieldError[] {
  const faults: FieldError[] = [];
  const hasRedirects = KIND_RULES[kind].grantTypes.includes('authorization_code');
  if (hasRedirects && redirectUris.length === 0) {
    faults.push({ field: 'redirectUris', message: `a ${kind} client needs at least one` });
  }
  if (!hasRedirects && redirectUris.length > 0) {
    faults.push({ field: 'redirectUris', message: `a ${kind} client has none` });
  }
  if (kind === 'web' && !redirectUris.every(isPrivateAddress)) {
    faults.push({ field: 'redirectUris', message: 'a web client is reached by https, or by http on its own machine' });
  }
  if (kind === 'service' && ownerUserId === null) {
    faults.push({ field: 'ownerUserId', message: 'a service client needs the user who pays for its calls' });
  }
  if (kind !== 'service' && ownerUserId !== null) {
    faults.push({ field: 'ownerUserId', message: 'only a service client has an owner' });
  }
  // Admin rights belong to people, who bring a second factor.
  if (kind === 'service' && scopes.some((scope) => isOidcScope(scope) || scope === 'admin')) {
    faults.push({ field: 'scopes', message: 'a service client has neither admin nor openid, email, profile' });
  }
  if (kind === 'resource-server' && scopes.length > 0) {
    faults.push({ field: 'scopes', message: 'a resource-server client gets no tokens, so it has no scopes' });
  }
  if (kind !== 'resource-server' && scopes.length === 0) {
    faults.push({ field: 'scopes', message: 'name at least one' });
  }
  return faults;
}

/** Whether nobody on the way can read the code that is sent there. What is no address at all is left to the engine. */
function isPrivateAddress(address: string): boolean {
  const url = URL.parse(address);
  return url?.protocol !== 'http:' || ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
}

/** The kind of a client as it is stored. */
export function kindOf(client: { grantTypes: readonly string[]; metadata: Record<string, unknown> }): ClientKind {
  const { grantTypes, metadata } = client;
  if (grantTypes.length === 0) return 'resource-server';
  if (grantTypes.includes('client_credentials')) return 'service';
  if (grantTypes.includes(DEVICE_CODE_GRANT)) return 'device';
  return metadata['token_endpoint_auth_method'] === 'none' ? 'native' : 'web';
}
