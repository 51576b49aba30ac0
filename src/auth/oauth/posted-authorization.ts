import type { IncomingMessage } from 'node:http';
import { BodyTooLargeError, UnsupportedMediaTypeError } from '../../common/errors/common.errors.js';

/** What an address may have on its way through browsers and proxies; a longer request is pushed ahead (PAR). */
const LENGTH_MAX = 8_192;
const FORM = 'application/x-www-form-urlencoded';

/**
 * The query of an authorization request that was posted as a form (OpenID Connect Core 1.0, 3.1.2.1), so that it can go on as the address of a
 * GET. The engine itself takes a POST only with session cookies that browsers send from every other site (`SameSite=None`); after a redirect
 * the strict ones do.
 * @throws UnsupportedMediaTypeError, BodyTooLargeError
 */
export async function postedQuery(request: IncomingMessage): Promise<string> {
  if (request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() !== FORM) {
    throw new UnsupportedMediaTypeError(undefined, FORM);
  }
  let form = '';
  // The end of the loop is not that of the connection, which has an answer to carry yet.
  const parts = request.setEncoding('utf8').iterator({ destroyOnReturn: false }) as AsyncIterable<string>;
  for await (const part of parts) {
    form += part;
    if (form.length > LENGTH_MAX) {
      throw new BodyTooLargeError(`An authorization request has at most ${LENGTH_MAX} characters. Push a longer one.`);
    }
  }
  return new URLSearchParams(form).toString();
}
