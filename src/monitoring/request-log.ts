import { Logger } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../common/http/principal.js';
import type { FeatureFlags } from './flags/feature-flags.service.js';
import { REQUESTS } from './system-logs/log-buffer.js';
import { traceIdOf } from './tracing/trace-requests.js';

/** Asked every few seconds by whatever keeps the process running: no use of the product. */
export function isProbe(path: string): boolean {
  return /^\/(health\/|metrics$)/.test(path);
}

const STORED_REQUESTS = 'StoredHttp';

/**
 * One line per request, whoever answered it: the token check, the OpenID Connect engine or a controller. Queries, headers and bodies are
 * never logged: they carry codes, tokens and prompts.
 */
export function logRequests(server: FastifyInstance, flags: FeatureFlags): void {
  const logger = new Logger(REQUESTS);
  const storedLogger = new Logger(STORED_REQUESTS);
  const storing = flags.define({
    key: 'store_requests',
    description: 'Keep the log lines of requests that went well in system_logs, to follow what a user does',
    isOnByDefault: false,
  });
  server.addHook('onResponse', (request: FastifyRequest & { principal?: Principal }, reply, done) => {
    const { id, method, principal } = request;
    const path = request.url.split('?', 1)[0] ?? '';
    const { statusCode: status } = reply.raw;
    const traceId = traceIdOf(request);
    const http = { id, method, path, status, durationMs: Math.round(reply.elapsedTime) };
    const caller = principal && { userId: principal.userId, sessionId: principal.accessId };
    const line = { http, ...caller, ...(traceId && { traceId }) };
    if (status >= 500) logger.error(line, `${method} ${path} ${status}`);
    else if (!isProbe(path)) {
      const isStored = storing.isOn({ userId: principal?.userId ?? null });
      (isStored ? storedLogger : logger).log(line, `${method} ${path} ${status}`);
    }
    done();
  });
}
