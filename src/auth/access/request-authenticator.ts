import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { InvalidTokenError } from '../auth.errors.js';
import { AccessTokenVerifier, type AccessPrincipal, type PresentedCredentials } from './access-token.verifier.js';
import { RouteTable } from './route-table.js';

export interface AuthenticatedRequest extends FastifyRequest {
  principal?: AccessPrincipal;
}

/** Decides who makes a request before its body is read: what nobody may send is not worth parsing. */
@Injectable()
export class RequestAuthenticator {
  /** Routes that no controller has, such as the API's description; see `mountAuth`. */
  private readonly publicPaths: string[] = [];

  constructor(
    private readonly verifier: AccessTokenVerifier,
    private readonly routes: RouteTable,
  ) {}

  allow(paths: readonly string[]): void {
    this.publicPaths.push(...paths);
  }

  /**
   * Attaches the principal to a request for a route that needs one. An unknown route stays a 404.
   * @throws MissingTokenError, InvalidTokenError, AccountSuspendedError
   */
  async authenticate(request: AuthenticatedRequest): Promise<void> {
    if (request.is404 || this.isPublic(request)) return;
    // Node keeps the first of repeated Authorization headers; which one the client meant is not ours to guess.
    if (countOf('authorization', request.raw.rawHeaders) > 1) {
      throw new InvalidTokenError('Send one Authorization header.', this.verifier.resourceMetadata);
    }
    const apiKey = this.apiKeyHeaderOf(request);
    request.principal =
      apiKey === undefined
        ? await this.verifier.verify(presentedBy(request))
        : await this.verifier.verifyApiKey(apiKey);
  }

  /** @throws InvalidTokenError */
  private apiKeyHeaderOf({ method, headers, routeOptions }: AuthenticatedRequest): string | undefined {
    const { 'x-api-key': key, authorization } = headers;
    if (key === undefined || !this.routes.takesApiKeyHeader(method, routeOptions.url ?? '')) return undefined;
    // Node joins repeated ones, which makes them no key.
    if (authorization === undefined) return String(key);
    throw new InvalidTokenError('Send x-api-key or Authorization, not both.', this.verifier.resourceMetadata);
  }

  private isPublic(request: FastifyRequest): boolean {
    const { url = '' } = request.routeOptions;
    if (this.routes.isPublic(request.method, url)) return true;
    return this.publicPaths.some((path) => url === path || url.startsWith(`${path}/`));
  }
}

/** How often a header was sent. Names and values alternate in `rawHeaders`. */
function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index]!;
    if (sent.length === name.length && sent.toLowerCase() === name) count += 1;
  }
  return count;
}

/** What a request shows of who makes it. */
export function presentedBy({ method, url: path, headers }: FastifyRequest): PresentedCredentials {
  // Node joins repeated ones, which makes them no proof.
  const dpop = headers['dpop'] === undefined ? undefined : String(headers['dpop']);
  return { authorization: headers.authorization, dpop, method, path };
}
