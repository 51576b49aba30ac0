import type { FastifyRequest } from 'fastify';
import { CrossSiteRequestError } from '../auth.errors.js';

/**
 * Refuses a form that another site sent. Browsers name the origin of every POST; one that does not is not a browser we know.
 * @throws CrossSiteRequestError
 */
export function assertSameOrigin(request: FastifyRequest, publicUrl: string): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (origin !== publicUrl) throw new CrossSiteRequestError();
  if (site !== undefined && site !== 'same-origin') throw new CrossSiteRequestError();
}

/** Refuses a link that another site opened. @throws CrossSiteRequestError */
export function assertNotCrossSite({ headers }: FastifyRequest): void {
  if (headers['sec-fetch-site'] === 'cross-site') throw new CrossSiteRequestError();
}
