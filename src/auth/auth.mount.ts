import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RequestAuthenticator } from './access/request-authenticator.js';
import { acceptPageForms } from './oauth/form-body.js';
import { OidcEndpoint } from './oauth/oidc-endpoint.js';

export interface AuthMountOptions {
  /** Routes, and what is below them, that no controller serves and that need no token. */
  publicPaths?: readonly string[];
}

/**
 * Puts the provider and the token check before everything that reads a body. To be called after the application is created and before it is
 * initialised: hooks apply to routes that are registered after them.
 */
export function mountAuth(app: NestFastifyApplication, { publicPaths = [] }: AuthMountOptions = {}): void {
  const server = app.getHttpAdapter().getInstance();
  const endpoint = app.get(OidcEndpoint);
  const authenticator = app.get(RequestAuthenticator);
  authenticator.allow(publicPaths);
  acceptPageForms(server);
  server.addHook('onRequest', (request, reply, done) => {
    if (!endpoint.take(request, reply)) done();
  });
  server.addHook('onRequest', (request) => authenticator.authenticate(request));
}
