import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseTraceParent } from '../domain/traceparent.js';
import { isProbe } from '../request-log.js';
import type { OpenSpan, Tracing } from './tracing.js';

const spans = new WeakMap<FastifyRequest, OpenSpan>();

/** The trace of a request; undefined where it is not traced. */
export function traceIdOf(request: FastifyRequest): string | undefined {
  return spans.get(request)?.traceId;
}

/**
 * A span for each request, by the semantic conventions of HTTP, from its arrival to the last byte of its answer; it goes on with the trace of a
 * client that sends `traceparent`. Without a collector no hook is added.
 */
export function traceRequests(server: FastifyInstance, tracing: Tracing): void {
  if (!tracing.isOn) return;
  server.addHook('onRequest', (request, _reply, done) => {
    if (!isProbe(pathOf(request))) spans.set(request, openSpan(request, tracing));
    done();
  });
  // Not earlier: what reads a body runs outside of what its request began.
  server.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request);
    if (span) span.within(done);
    else done();
  });
  server.addHook('onResponse', (request, reply, done) => {
    const { statusCode } = reply.raw;
    const span = spans.get(request);
    span?.note({ 'http.response.status_code': statusCode });
    span?.end(statusCode >= 500 ? new ServerError() : undefined);
    done();
  });
}

class ServerError extends Error {}

function openSpan(request: FastifyRequest, tracing: Tracing): OpenSpan {
  const { method, id, protocol } = request;
  const route = request.routeOptions.url;
  const header = request.headers['traceparent'];
  return tracing.open(route ? `${method} ${route}` : method, {
    side: 'server',
    parent: parseTraceParent(typeof header === 'string' ? header : undefined),
    facts: {
      'http.request.method': method,
      'http.route': route,
      'url.path': pathOf(request),
      'url.scheme': protocol,
      'tollgate.request.id': id,
    },
  });
}

/** Without the query, which carries codes and tokens. */
function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0] ?? '';
}
