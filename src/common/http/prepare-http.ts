import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HeadersTooLargeError, InvalidRequestError, UnsupportedMediaTypeError } from '../errors/common.errors.js';
import { closingFault, finishClosing } from './closing.js';
import { bodyBytesMax, jsonValuesMax, STREAMED_ROUTES } from './body-limits.js';
import { pinClientAddress } from './client-address.js';
import { parseJsonBody } from './json-body.js';

/** No single header of ours, cookies and tokens included, comes near this. */
const HEADER_VALUE_BYTES_MAX = 8 * 1_024;

/** What a browser must not do with an answer, whatever it holds. Pages bring stricter rules of their own. */
const ANSWER_HEADERS = { 'x-content-type-options': 'nosniff', 'content-security-policy': "frame-ancestors 'none'" };

/** What holds for every request before anything else looks at it, and how bodies are read. */
export function prepareHttp(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    pinClientAddress(request);
    reply.headers({ ...ANSWER_HEADERS, 'x-request-id': request.id });
    const closing = closingFault(server.server);
    if (closing) reply.header('connection', 'close');
    done(closing ?? findFault(request));
  });
  server.addHook('onRoute', (route) => {
    route.bodyLimit = bodyBytesMax(route.url);
  });
  server.removeContentTypeParser(['application/json', 'text/plain']);
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, parseJsonBody(body as Buffer, jsonValuesMax(request.routeOptions.url ?? '')));
    } catch (error) {
      done(error as Error);
    }
  });
  server.addContentTypeParser('text/csv', (request, body, done) => {
    if (STREAMED_ROUTES.has(request.routeOptions.url ?? '')) done(null, body);
    else done(new UnsupportedMediaTypeError());
  });
  server.addHook('preClose', () => finishClosing(server.server));
}

function findFault({ url, raw }: FastifyRequest): Error | undefined {
  if (raw.rawHeaders.some((text) => text.length > HEADER_VALUE_BYTES_MAX)) {
    return new HeadersTooLargeError(`A header is longer than ${HEADER_VALUE_BYTES_MAX} bytes.`, {
      details: { limitBytes: HEADER_VALUE_BYTES_MAX },
    });
  }
  // No name or text of ours holds one, and PostgreSQL cannot store it.
  return url.includes('%00') ? new InvalidRequestError('The address contains a NUL character.') : undefined;
}
