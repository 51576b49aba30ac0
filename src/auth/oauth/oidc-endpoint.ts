import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Config } from '../../config/config.js';
import { OidcProviderHolder } from './oidc-provider.holder.js';
import { PAGE_HEADERS } from './pages/security-headers.js';
import { REQUEST_ID_HEADER } from './request-origin.js';

const PREFIX = '/oauth2/';
const METADATA = new Set(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']);
const JWKS = '/oauth2/jwks';
/**
 * No page of another site may use the endpoints. The engine would allow any origin in its preflight answers; it leaves the matter alone once
 * it finds a header of this family, and this one allows nothing.
 */
const NO_CORS = ['access-control-max-age', '0'] as const;
/** Long enough to spare us a request per token, short enough that a new key is known before it signs. */
const JWKS_CACHE = 'public, max-age=300';

/**
 * Hands `/oauth2/*` and the metadata to the provider as raw Node requests, before a body is read and past all guards and filters. The
 * provider builds addresses from headers, so headers that name a host are replaced by those of the configured public address.
 */
@Injectable()
export class OidcEndpoint {
  private readonly host: string;
  private readonly scheme: string;

  constructor(
    config: Config,
    private readonly holder: OidcProviderHolder,
  ) {
    const url = new URL(config.publicUrl);
    this.host = url.host;
    this.scheme = url.protocol.slice(0, -1);
  }

  /** Whether the request is the provider's; then it has been answered or will be. */
  take(request: FastifyRequest, reply: FastifyReply): boolean {
    const path = request.url.split('?', 1)[0] ?? '';
    if (!path.startsWith(PREFIX) && !METADATA.has(path)) return false;
    this.pinIssuer(request);
    reply.hijack();
    for (const [name, value] of Object.entries(PAGE_HEADERS)) reply.raw.setHeader(name, value);
    reply.raw.setHeader(REQUEST_ID_HEADER, request.id);
    if (path === JWKS) reply.raw.setHeader('cache-control', JWKS_CACHE);
    else if (!METADATA.has(path)) reply.raw.setHeader(...NO_CORS);
    void this.holder.provider.callback()(request.raw, reply.raw);
    return true;
  }

  private pinIssuer(request: FastifyRequest): void {
    const { headers } = request.raw;
    // Fastify knows whom to trust for the peer's address, so it is taken before the headers go.
    const ip = request.ip;
    for (const name of Object.keys(headers)) {
      if (name === 'forwarded' || name.startsWith('x-forwarded-')) delete headers[name];
    }
    headers.host = this.host;
    headers['x-forwarded-proto'] = this.scheme;
    headers['x-forwarded-for'] = ip;
    headers[REQUEST_ID_HEADER] = request.id;
  }
}
