import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../common/http/principal.js';
import type { ApiUsageCounter } from './api-usage/api-usage-counter.service.js';
import { endpointOf } from './api-usage/service-of-route.js';
import { isProbe } from './request-log.js';

/** Counts every request in memory, whoever answered it. */
export function countRequests(server: FastifyInstance, counter: ApiUsageCounter): void {
  server.addHook('onResponse', (request: FastifyRequest & { principal?: Principal }, reply, done) => {
    const { method, url, routeOptions, principal } = request;
    const { statusCode: status } = reply.raw;
    if (!isProbe(url)) {
      const endpoint = endpointOf(routeOptions.url, url.split('?', 1)[0] ?? '', status);
      const userId = principal?.userId ?? null;
      counter.count({ method, endpoint, userId, status, responseMs: reply.elapsedTime });
    }
    done();
  });
}
