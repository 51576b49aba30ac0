import type { Params } from 'nestjs-pino';
import type { Config } from '../config/config.js';
import { withoutRefusedRow } from '../database/database-errors.js';
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
export function loggerOptions(config: Config, tracing: Tracing): Params {
  const isReadable = !config.isProduction && process.stdout.isTTY;
  return {
    forRoutes: [],
    pinoHttp: {
      level: config.logLevel,
      autoLogging: false,
      redact: { paths: SECRET_PATHS, censor: '[redacted]' },
      serializers: { err: describeError },
      ...(tracing.isOn && { mixin: () => (tracing.traceId ? { traceId: tracing.traceId } : {}) }),
      ...(isReadable && {
        transport: { target: 'pino-pretty', options: { singleLine: true, ignore: 'pid,hostname,http' } },
      }),
    },
  };
}
