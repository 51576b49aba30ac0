import { Injectable, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../common/errors/app-error.js';
import { BodyTooLargeError } from '../../common/errors/common.errors.js';
import { Config } from '../../config/config.js';
import { TooManyRequestsError } from '../auth.errors.js';
import { LoginThrottle } from '../identity/login-throttle.service.js';
import { EndpointLimiter } from './endpoint-limiter.js';
import { OidcProviderHolder } from './oidc-provider.holder.js';
import { isProviderPath, OIDC_ROUTES } from './oidc-routes.js';
import { failurePage } from './pages/interaction-pages.js';
import { textsFor } from './page-language.js';
import { postedQuery } from './posted-authorization.js';
import { PAGE_HEADERS } from './pages/security-headers.js';
import { REQUEST_ID_HEADER } from './request-origin.js';

const METADATA = new Set(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']);
const JWKS = OIDC_ROUTES.jwks;
const AUTHORIZE = OIDC_ROUTES.authorization;
/** Where a person types the code of a device: POSTs are guesses until they are not. */
const USER_CODE = OIDC_ROUTES.code_verification;
/** These store something for whoever asks. */
const STORING: ReadonlySet<string> = new Set([
  AUTHORIZE,
  OIDC_ROUTES.pushed_authorization_request,
  OIDC_ROUTES.device_authorization,
]);
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
  private readonly logger = new Logger(OidcEndpoint.name);
  private readonly host: string;
  private readonly scheme: string;

  constructor(
    config: Config,
    private readonly holder: OidcProviderHolder,
    private readonly limiter: EndpointLimiter,
    private readonly throttle: LoginThrottle,
  ) {
    const url = new URL(config.publicUrl);
    this.host = url.host;
    this.scheme = url.protocol.slice(0, -1);
  }

  /** Whether the request is the provider's; then it has been answered or will be. */
  take(request: FastifyRequest, reply: FastifyReply): boolean {
    const path = request.url.split('?', 1)[0] ?? '';
    if (!isProviderPath(path) && !METADATA.has(path)) return false;
    this.pinIssuer(request);
    reply.hijack();
    for (const [name, value] of Object.entries(PAGE_HEADERS)) reply.raw.setHeader(name, value);
    reply.raw.setHeader(REQUEST_ID_HEADER, request.id);
    if (path === JWKS) reply.raw.setHeader('cache-control', JWKS_CACHE);
    else if (!METADATA.has(path)) reply.raw.setHeader(...NO_CORS);
    this.serve(request, reply, path).catch((error: unknown) => this.refuse(request, reply, error));
    return true;
  }

  /** @throws TooManyRequestsError, SignInThrottledError, UnsupportedMediaTypeError, BodyTooLargeError */
  private async serve(request: FastifyRequest, reply: FastifyReply, path: string): Promise<void> {
    const { ip } = request;
    const waitSeconds = this.limiter.waitSeconds(ip);
    if (waitSeconds > 0) throw new TooManyRequestsError(waitSeconds);
    reply.raw.once('finish', () => {
      const isRefused = reply.raw.statusCode >= 400 && reply.raw.statusCode < 500;
      if (isRefused || STORING.has(path)) this.limiter.count(ip);
    });
    if (path === USER_CODE && request.method === 'POST') await this.throttle.admitUserCode(ip);
    if (path === AUTHORIZE && request.method === 'POST') {
      reply.raw.writeHead(303, { location: `${AUTHORIZE}?${await postedQuery(request.raw)}` }).end();
    } else await this.holder.provider.callback()(request.raw, reply.raw);
  }

  /** Answers what never reached the engine, in the way of its endpoints. */
  private refuse(request: FastifyRequest, { raw }: FastifyReply, error: unknown): void {
    if (!(error instanceof AppError)) this.logger.error({ err: error }, 'a request to the provider failed');
    if (raw.headersSent) return void raw.destroy();
    raw.statusCode = error instanceof AppError ? error.status : 500;
    // What is left of a body that was given up on stands before the next request of the connection.
    if (error instanceof BodyTooLargeError) raw.setHeader('connection', 'close');
    if (!(error instanceof AppError)) return void raw.end();
    for (const [name, value] of Object.entries(error.headers)) raw.setHeader(name, value);
    const wantsPage = request.headers.accept?.includes('text/html') ?? false;
    raw.setHeader('content-type', wantsPage ? 'text/html; charset=utf-8' : 'application/json');
    const code = error.status === 429 ? 'temporarily_unavailable' : 'invalid_request';
    const body = { error: code, error_description: error.message };
    return void raw.end(wantsPage ? failurePage(textsFor(request.raw), error) : JSON.stringify(body));
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
