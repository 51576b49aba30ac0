import type { FastifyInstance } from 'fastify';
import { UnsupportedMediaTypeError } from '../../common/errors/common.errors.js';

const PAGES = ['/interaction/', '/verify-email', '/forgot-password', '/reset-password', '/change-email', '/account/'];

/** Lets the pages' forms be sent by browsers without JavaScript. No other route takes a form. */
export function acceptPageForms(server: FastifyInstance): void {
  server.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (request, body, done) => {
    const { url = '' } = request.routeOptions;
    if (!PAGES.some((page) => url.startsWith(page))) return done(new UnsupportedMediaTypeError());
    return done(null, Object.fromEntries(new URLSearchParams(body as string)));
  });
}
