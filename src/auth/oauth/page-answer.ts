import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../common/errors/app-error.js';
import { toProblem } from '../../common/errors/error-body.js';
import type { Texts } from '../texts/english.js';
import { wordsOf } from '../texts/error-words.js';
import { textsFor } from './page-language.js';
import { PAGE_HEADERS } from './pages/security-headers.js';

/** Whether the page's script sent the request and wants JSON back; a plain form is answered with a page or a redirect. */
export function wantsJson(request: FastifyRequest): boolean {
  return request.headers['content-type']?.startsWith('application/json') ?? false;
}

export function sendPage(reply: FastifyReply, page: string, status = 200): FastifyReply {
  return reply
    .status(status)
    .headers({ ...PAGE_HEADERS, 'cache-control': 'no-store' })
    .type('text/html; charset=utf-8')
    .send(page);
}

/**
 * Shows an expected failure as a page, or tells it to the page's script; anything else is left to the error filter.
 * @param textsOf Where the page is in another language than its browser asks for.
 */
// oxlint-disable-next-line max-params -- a page, and how it fails
export async function answerWithPage(
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => Promise<FastifyReply>,
  pageOf: (error: AppError) => string | Promise<string>,
  textsOf: () => Texts | Promise<Texts> = () => textsFor(request),
): Promise<FastifyReply> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    reply.headers(error.headers);
    if (wantsJson(request)) return sendProblem(reply, { error, requestId: request.id, texts: await textsOf() });
    return sendPage(reply, await pageOf(error), error.status);
  }
}

/** Where the browser goes next: told to the script, or by a redirect that turns the POST into a GET. */
export function sendOn(request: FastifyRequest, reply: FastifyReply, redirectTo: string): FastifyReply {
  if (wantsJson(request)) return reply.header('cache-control', 'no-store').send({ redirectTo });
  return reply.headers(PAGE_HEADERS).header('cache-control', 'no-store').redirect(redirectTo, 303);
}

/** As everywhere, but in the language of the page. */
function sendProblem(
  reply: FastifyReply,
  { error, requestId, texts }: { error: AppError; requestId: string; texts: Texts },
): FastifyReply {
  const problem = { ...toProblem(error, requestId), ...wordsOf(error, texts) };
  return reply.status(error.status).type('application/problem+json; charset=utf-8').send(problem);
}
