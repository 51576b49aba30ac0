import 'reflect-metadata';
import formBody from '@fastify/formbody';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { Logger } from 'nestjs-pino';
import { AppModule } from './app.module.js';
import { mountAuth } from './auth/auth.mount.js';
import { BODY_BYTES_DEFAULT, bodyBytesMax } from './common/http/body-limits.js';
import { ErrorFilter } from './common/http/error.filter.js';
import { parseJsonBody } from './common/http/json-body.js';
import { createValidationPipe } from './common/http/validation.js';
import { newId } from './common/ids.js';
import type { Config } from './config/config.js';
import { logRequests } from './monitoring/request-log.js';
import { serveApiDescription } from './openapi.js';

/** A header line beyond this is no token or cookie of ours. */
const HEADER_BYTES_MAX = 16 * 1_024;
/** A client gets this long to send its request; slow senders do not hold a connection for ever. */
const REQUEST_RECEIVE_MS = 60_000;

/** The application, wired but not listening and its modules not initialised: the database may still be migrated. */
export async function createApp(config: Config): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    genReqId: newId,
    bodyLimit: BODY_BYTES_DEFAULT,
    requestTimeout: REQUEST_RECEIVE_MS,
    http: { maxHeaderSize: HEADER_BYTES_MAX },
    return503OnClosing: true,
    forceCloseConnections: 'idle',
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(config), adapter, {
    bodyParser: false,
    abortOnError: false,
    logger: ['fatal'],
  });
  app.useGlobalPipes(createValidationPipe());
  app.useGlobalFilters(new ErrorFilter());
  logRequests(adapter.getInstance());
  await prepareHttp(adapter.getInstance());
  mountAuth(app, { publicPaths: ['/openapi.json', '/docs'] });
  await serveApiDescription(app, adapter.getInstance(), config);
  return app;
}

/** Initialises the modules and accepts requests; from here on everything is logged as configured. */
export async function listen(app: NestFastifyApplication, port: number, host: string): Promise<void> {
  await app.listen(port, host);
  app.useLogger(app.get(Logger));
}

async function prepareHttp(server: FastifyInstance): Promise<void> {
  server.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  server.addHook('onRoute', (route) => {
    route.bodyLimit = bodyBytesMax(route.url);
  });
  server.removeContentTypeParser(['application/json', 'text/plain']);
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  await server.register(formBody);
}
