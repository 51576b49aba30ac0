import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionError, FastifyHttpOptions } from 'fastify';
import type { AppError } from '../errors/app-error.js';
import { HeadersTooLargeError, InvalidRequestError, RequestTimeoutError } from '../errors/common.errors.js';
import { toProblem } from '../errors/error-body.js';
import { newId } from '../ids.js';
import { BODY_BYTES_DEFAULT } from './body-limits.js';
import { sendError, toAppError } from './error.filter.js';

/** All headers together with the address; what is beyond is no request of ours. */
const HEADERS_BYTES_MAX = 16 * 1_024;
/** A client gets this long to send its request; slow senders do not hold a connection for ever. */
const REQUEST_RECEIVE_MS = 60_000;
/** One path parameter. Longer than any id, so that an unknown one is answered by its route. */
const PARAMETER_LENGTH_MAX = 512;

/** Load balancers and container networks: an address that nobody on the internet can send from. */
const PROXY_PEERS = 'loopback, linklocal, uniquelocal';

/**
 * How requests are received. In production the client's address is read from `X-Forwarded-For`, but only as far as the peers that wrote it
 * are on a private network: otherwise everyone would share the load balancer's sign-in throttle, and if any peer were believed, everyone
 * could choose an address of their own and escape it. In development nothing stands in front, so the header is a claim of the client.
 */
export function serverOptions(isProduction: boolean): FastifyHttpOptions<Server> {
  return {
    genReqId: newId,
    trustProxy: isProduction ? PROXY_PEERS : false,
    bodyLimit: BODY_BYTES_DEFAULT,
    requestTimeout: REQUEST_RECEIVE_MS,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
    http: { maxHeaderSize: HEADERS_BYTES_MAX },
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    // Both fail before any hook or filter: an address that cannot be decoded, and bytes that are not HTTP.
    frameworkErrors: (error, request, reply) => {
      sendError(toAppError(error), request, reply.header('x-request-id', request.id));
    },
    clientErrorHandler: answerUnreadable,
  };
}

/** Answers what could not be read as a request, on the bare connection, and closes it. */
function answerUnreadable(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const fault = faultOf(error.code);
  const requestId = newId();
  const body = JSON.stringify(toProblem(fault, requestId));
  const head = [
    `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status]}`,
    `x-request-id: ${requestId}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function faultOf(code: string): AppError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HeadersTooLargeError(`The headers are longer than ${HEADERS_BYTES_MAX} bytes together.`, {
        details: { limitBytes: HEADERS_BYTES_MAX },
      });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new RequestTimeoutError(`The request was not complete after ${REQUEST_RECEIVE_MS / 1000} seconds.`);
    default:
      return new InvalidRequestError('This is not HTTP that can be read.');
  }
}
