import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import * as client from 'openid-client';
import { Config } from '../../../config/config.js';
import type { UpstreamIssuer } from '../../../config/upstream-issuers.js';
import { UpstreamNotFoundError, UpstreamSignInFailedError, UpstreamUnavailableError } from './upstream.errors.js';

/** Of one request to a provider; a person waits for it. */
const TIMEOUT_SECONDS = 10;
/** Endpoints and keys of a provider change by the month; a key that is not known is asked for at once. */
const DISCOVERY_FRESH_MS = 24 * 60 * 60 * 1000;
const ISSUERS_MAX = 50;
const SCOPE = 'openid email profile';

/** What the browser that was sent to a provider has to come back with. */
export interface UpstreamRequest {
  name: string;
  state: string;
  nonce: string;
  verifier: string;
}

/** Who somebody is at a provider. Only `issuer` and `subject` together name a person for good (OpenID Connect Core 5.7). */
export interface UpstreamPerson {
  issuer: string;
  subject: string;
  /** The provider's, for sentences. */
  label: string;
  email: string | null;
  /** Whether the provider says that the address is the person's. */
  isEmailVerified: boolean;
  displayName: string | null;
}

/** Tollgate as the relying party of OpenID providers elsewhere: code flow with PKCE, state and nonce, ID tokens checked with their signature. */
@Injectable()
export class UpstreamIssuers {
  private readonly configurations = new LRUCache<string, client.Configuration>({
    max: ISSUERS_MAX,
    ttl: DISCOVERY_FRESH_MS,
    fetchMethod: (name) => discover(this.find(name)),
  });

  constructor(private readonly config: Config) {}

  list(): readonly UpstreamIssuer[] {
    return [...this.config.upstreamIssuers.values()];
  }

  /** @throws UpstreamNotFoundError */
  find(name: string): UpstreamIssuer {
    const issuer = this.config.upstreamIssuers.get(name);
    if (!issuer) throw new UpstreamNotFoundError();
    return issuer;
  }

  /** Where the browser signs in. @throws UpstreamNotFoundError, UpstreamUnavailableError */
  async begin(name: string, isFreshWanted: boolean): Promise<{ address: string; request: UpstreamRequest }> {
    const configuration = await this.configurationOf(this.find(name));
    const request = {
      name,
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    };
    const address = client.buildAuthorizationUrl(configuration, {
      redirect_uri: this.redirectUriOf(name),
      scope: SCOPE,
      state: request.state,
      nonce: request.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(request.verifier),
      code_challenge_method: 'S256',
      ...(isFreshWanted && { prompt: 'login' }),
    });
    return { address: address.href, request };
  }

  /** @param query What the provider sent back. @throws UpstreamSignInFailedError, UpstreamUnavailableError */
  async finish(request: UpstreamRequest, query: string): Promise<UpstreamPerson> {
    const issuer = this.find(request.name);
    const configuration = await this.configurationOf(issuer);
    const answer = new URL(`${this.redirectUriOf(issuer.name)}?${query}`);
    const claims = await claimsOf(configuration, answer, request).catch((error: unknown) => {
      throw new UpstreamSignInFailedError(issuer.label, error);
    });
    return {
      issuer: claims.iss,
      subject: claims.sub,
      label: issuer.label,
      email: textOf(claims['email']),
      isEmailVerified: claims['email_verified'] === true,
      displayName: textOf(claims['name']),
    };
  }

  /** One for each provider, so that no other's answer can be passed off as its own (RFC 9700 section 4.4.2). */
  private redirectUriOf(name: string): string {
    return `${this.config.publicUrl}/upstream/${name}/callback`;
  }

  private async configurationOf({ name, label }: UpstreamIssuer): Promise<client.Configuration> {
    const configuration = await this.configurations.fetch(name).catch((error: unknown) => {
      throw new UpstreamUnavailableError(label, error);
    });
    if (!configuration) throw new UpstreamUnavailableError(label);
    return configuration;
  }
}

function discover({ issuer, clientId, clientSecret }: UpstreamIssuer): Promise<client.Configuration> {
  const execute = [client.enableNonRepudiationChecks];
  // The environment allows http on this machine alone.
  if (issuer.startsWith('http:')) execute.push(client.allowInsecureRequests);
  const authentication = clientSecret === null ? client.None() : withSecret(clientSecret);
  return client.discovery(new URL(issuer), clientId, {}, authentication, { execute, timeout: TIMEOUT_SECONDS });
}

/** In the body where the provider takes it there; that way no two libraries differ about its encoding. */
function withSecret(secret: string): client.ClientAuth {
  const inBody = client.ClientSecretPost(secret);
  const inHeader = client.ClientSecretBasic(secret);
  return (server, metadata, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const authenticate = methods.includes('client_secret_post') ? inBody : inHeader;
    return authenticate(server, metadata, body, headers);
  };
}

/** Of the ID token, and of the userinfo endpoint where the ID token has no address. */
async function claimsOf(
  configuration: client.Configuration,
  answer: URL,
  { state, nonce, verifier }: UpstreamRequest,
): Promise<client.IDToken> {
  const tokens = await client.authorizationCodeGrant(configuration, answer, {
    expectedState: state,
    expectedNonce: nonce,
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  if (!claims) throw new Error('the provider sent no ID token');
  if (claims['email'] !== undefined || !configuration.serverMetadata().userinfo_endpoint) return claims;
  const { email, email_verified, name } = await client.fetchUserInfo(configuration, tokens.access_token, claims.sub);
  return { ...definedOf({ email, email_verified, name }), ...claims };
}

function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
