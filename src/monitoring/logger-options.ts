import type { Params } from 'nestjs-pino';
import pino from 'pino';
import type { Config } from '../config/config.js';
import { withoutRefusedRow } from '../database/database-errors.js';
import type { LogBuffer } from './system-logs/log-buffer.js';
import type { Tracing } from './tracing/tracing.js';

/** Wherever one of these appears in a logged object, its value does not. */
const SECRET_PATHS = [
  'authorization',
  'cookie',
  'password',
  'token',
  'secret',
  'apiKey',
  'prompt',
  'messages',
  'access_token',
  'refresh_token',
  'code_verifier',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

interface LoggedError {
  type: string;
  message: string;
  stack: string;
  code?: unknown;
}

/** Of an error only what tells where it comes from: other members hold the refused row, query or request. */
function describeError({ type, message, stack, code }: LoggedError): LoggedError {
  return { type, message: withoutRefusedRow(message), stack: withoutRefusedRow(stack), code };
}

/** How everything is logged. Requests are logged by `logRequests`, at the server, because a middleware would miss most of them. */
export function loggerOptions(config: Config, buffer: LogBuffer, tracing: Tracing): Params {
  return {
    forRoutes: [],
    pinoHttp: {
      level: config.logLevel,
      autoLogging: false,
      redact: { paths: SECRET_PATHS, censor: '[redacted]' },
      serializers: { err: describeError },
      stream: pino.multistream([
        { level: 'trace', stream: terminal(config) },
        ...(config.systemLogLevel === 'off' ? [] : [{ level: config.systemLogLevel, stream: buffer }]),
      ]),
      ...(tracing.isOn && { mixin: () => (tracing.traceId ? { traceId: tracing.traceId } : {}) }),
    },
  };
}

/** Where every line goes that is logged at all. */
function terminal({ isProduction }: Config): pino.DestinationStream {
  if (isProduction || !process.stdout.isTTY) return pino.destination(1);
  return pino.transport({
    target: 'pino-pretty',
    options: { singleLine: true, ignore: 'pid,hostname,http,userId,sessionId' },
  });
}
