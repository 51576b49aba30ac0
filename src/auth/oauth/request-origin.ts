import type { FastifyRequest } from 'fastify';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { AuditCause } from '../../monitoring/audit-trail.service.js';
import type { RequestOrigin } from '../identity/auth-event.recorder.js';
import { Provider } from './oidc-engine.js';

/** Set on the raw request before the provider sees it, so that its events carry the same id as our own. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** Where the request came from that the provider handles right now. */
export function requestOrigin(): RequestOrigin {
  const context = Provider.ctx as KoaContextWithOIDC | undefined;
  return {
    ip: context?.ip ?? null,
    userAgent: context?.get('user-agent') || null,
    requestId: context?.get(REQUEST_ID_HEADER) || null,
  };
}

/** Where a request to one of our own routes came from. */
export function originOf(request: FastifyRequest): RequestOrigin {
  const { 'user-agent': userAgent = null, cookie } = request.headers;
  return { ip: request.ip, userAgent, requestId: request.id, cookies: cookie };
}

/** Where an operator's change came from. */
export function originOfCause({ ip = null, requestId = null }: AuditCause): RequestOrigin {
  return { ip, userAgent: null, requestId };
}
