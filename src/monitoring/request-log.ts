import { Logger } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { traceIdOf } from './tracing/trace-requests.js';

/** Asked every few seconds by whatever keeps the process running. */
export const UNLOGGED = /^\/(health\/|metrics$)/;

/**
 * One line per request, whoever answered it: the token check, the OpenID Connect engine or a controller. Queries, headers and bodies are
 * never logged: they carry codes, tokens and prompts.
 */
export function logRequests(server: FastifyInstance): void {
  const logger = new Logger('Http');
  server.addHook('onResponse', (request, reply, done) => {
    const { id, method } = request;
    const path = request.url.split('?', 1)[0] ?? '';
    const { statusCode: status } = reply.raw;
    const traceId = traceIdOf(request);
    const http = { id, method, path, status, durationMs: Math.round(reply.elapsedTime) };
    const line = { http, ...(traceId && { traceId }) };
    if (status >= 500) logger.error(line, `${method} ${path} ${status}`);
    else if (!UNLOGGED.test(path)) logger.log(line, `${method} ${path} ${status}`);
    done();
  });
}
