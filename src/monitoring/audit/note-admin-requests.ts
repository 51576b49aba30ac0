import type { FastifyInstance, FastifyRequest } from 'fastify';
import { storableText } from '../../common/domain/storable.js';
import { REASON_LENGTH_MAX } from '../../common/http/reason-request.js';
import type { Principal } from '../../common/http/principal.js';
import type { AdminRequests } from './admin-requests.service.js';

/** Notes every request to a route of operators but those that only read. */
export function noteAdminRequests(server: FastifyInstance, admin: AdminRequests): void {
  server.addHook('onResponse', (request: FastifyRequest & { principal?: Principal }, reply, done) => {
    const { id, method, url, ip, routeOptions, principal } = request;
    const pattern = routeOptions.url ?? '';
    if (principal && pattern.startsWith('/admin/') && method !== 'GET' && method !== 'HEAD') {
      const { userId: actorId, role } = principal;
      const path = url.split('?', 1)[0] ?? '';
      const { statusCode: status } = reply.raw;
      const reason = reasonIn(request.body) ?? reasonIn(request.query);
      admin.note({ requestId: id, actorId, role, ip, route: `${method} ${pattern}`, path, status, reason });
    }
    done();
  });
}

/** Why, where the body says so as all bodies of operators do, or the query of a request without one. */
function reasonIn(fields: unknown): string | null {
  const reason = (fields as { reason?: unknown } | null | undefined)?.reason;
  return typeof reason === 'string' && reason.length <= REASON_LENGTH_MAX ? storableText(reason) : null;
}
