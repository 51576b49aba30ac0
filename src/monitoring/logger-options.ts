import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Params } from 'nestjs-pino';
import type { Config } from '../config/config.js';

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
  'code',
  'code_verifier',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** One line per request: who asked for what, and how it ended. Queries, headers and bodies are never logged: they carry codes, tokens and prompts. */
export function loggerOptions(config: Config): Params {
  const isReadable = !config.isProduction && process.stdout.isTTY;
  return {
    pinoHttp: {
      level: config.logLevel,
      redact: { paths: SECRET_PATHS, censor: '[redacted]' },
      ...(isReadable && {
        transport: { target: 'pino-pretty', options: { singleLine: true, ignore: 'pid,hostname,req,res' } },
      }),
      serializers: {
        req: (request: { id: string; method: string; url: string }) => ({
          id: request.id,
          method: request.method,
          path: pathOf(request.url),
        }),
        res: (response: { statusCode: number }) => ({ status: response.statusCode }),
      },
      customSuccessMessage: (request: IncomingMessage, response: ServerResponse) =>
        `${request.method} ${pathOf(request.url)} ${response.statusCode}`,
      customErrorMessage: (request: IncomingMessage, response: ServerResponse) =>
        `${request.method} ${pathOf(request.url)} ${response.statusCode}`,
      customLogLevel: (_request: IncomingMessage, response: ServerResponse, error?: Error) =>
        error || response.statusCode >= 500 ? 'error' : 'info',
      autoLogging: { ignore: (request: IncomingMessage) => request.url?.startsWith('/health/') ?? false },
    },
  };
}

function pathOf(url: string | undefined): string {
  return url?.split('?')[0] ?? '';
}
