import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';
import {
  BodyTooLargeError,
  InvalidRequestError,
  NotFoundError,
  OverloadedError,
  UnsupportedMediaTypeError,
} from '../errors/common.errors.js';
import { isPassingFailure } from '../errors/passing-failure.js';
import { renderError } from '../errors/error-body.js';

class InternalError extends AppError {
  static readonly code = 'internal_error';
  static readonly status = 500;
  static readonly title = 'Something went wrong on our side';
  static readonly openaiType = 'server_error';
}

/** Renders every failure: our own errors as they are, the framework's by their status, anything else as a 500 that tells nothing. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('ErrorFilter');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = toAppError(thrown, request.routeOptions.bodyLimit);
    if (error instanceof InternalError) this.logger.error({ err: thrown, requestId: request.id }, 'request failed');
    else if (isPassingFailure(thrown))
      this.logger.warn({ err: thrown, requestId: request.id }, 'no room for a request');
    if (reply.sent || reply.raw.headersSent) return;
    sendError(error, request, reply);
  }
}

/** Writes `error` in the envelope of the route. Also used before the framework's filters run, e.g. by the token check. */
export function sendError(error: AppError, request: FastifyRequest, reply: FastifyReply): void {
  const { contentType, headers, body } = renderError(error, request);
  void reply.status(error.status).headers(headers).type(contentType).send(body);
}

/** What the caller may know about `thrown`. `bodyLimit` is what the route takes, in bytes. */
export function toAppError(thrown: unknown, bodyLimit?: number): AppError {
  if (thrown instanceof AppError) return thrown;
  if (isPassingFailure(thrown)) return overloaded(thrown);
  const status = statusOf(thrown);
  const message = thrown instanceof Error ? thrown.message : '';
  switch (status) {
    case 400:
    case 414:
      return new InvalidRequestError(message || 'The request could not be read.', { cause: thrown });
    case 404:
      return new NotFoundError('There is no such route. The routes are listed at /docs.', { cause: thrown });
    case 413:
      return new BodyTooLargeError(
        `The body is larger than this route takes${bodyLimit ? `: ${bodyLimit} bytes` : ''}.`,
        {
          cause: thrown,
          details: { limitBytes: bodyLimit },
        },
      );
    case 415:
      return new UnsupportedMediaTypeError(thrown);
    case 503:
      return overloaded(thrown);
    default:
      return new InternalError(
        'The request failed on our side and was not completed. Quote the request id when you report it.',
        { cause: thrown },
      );
  }
}

function overloaded(cause: unknown): OverloadedError {
  const headers = { 'retry-after': '1' };
  return new OverloadedError('The server is busy or going down. Try again shortly.', { cause, headers });
}

function statusOf(thrown: unknown): number {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : 500;
}
