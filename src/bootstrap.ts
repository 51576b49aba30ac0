import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import { AppModule } from './app.module.js';
import { mountAuth } from './auth/auth.mount.js';
import { ErrorFilter } from './common/http/error.filter.js';
import { prepareHttp } from './common/http/prepare-http.js';
import { serverOptions } from './common/http/server-options.js';
import { createValidationPipe } from './common/http/validation.js';
import type { Config } from './config/config.js';
import { separateRequests } from './database/request-context.js';
import { ApiUsageCounter } from './monitoring/api-usage/api-usage-counter.service.js';
import { AdminRequests } from './monitoring/audit/admin-requests.service.js';
import { noteAdminRequests } from './monitoring/audit/note-admin-requests.js';
import { countRequests } from './monitoring/count-requests.js';
import { FeatureFlags } from './monitoring/flags/feature-flags.service.js';
import { logRequests } from './monitoring/request-log.js';
import { traceRequests } from './monitoring/tracing/trace-requests.js';
import { Tracing } from './monitoring/tracing/tracing.js';
import { serveApiDescription } from './openapi.js';

/** The application, wired but not listening and its modules not initialised: the database may still be migrated. */
export async function createApp(config: Config): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter(serverOptions(config.isProduction));
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(config), adapter, {
    bodyParser: false,
    abortOnError: false,
    logger: ['fatal'],
  });
  app.useGlobalPipes(createValidationPipe());
  app.useGlobalFilters(new ErrorFilter());
  traceRequests(adapter.getInstance(), app.get(Tracing));
  logRequests(adapter.getInstance(), app.get(FeatureFlags));
  countRequests(adapter.getInstance(), app.get(ApiUsageCounter));
  noteAdminRequests(adapter.getInstance(), app.get(AdminRequests));
  prepareHttp(adapter.getInstance());
  separateRequests(app);
  mountAuth(app, { publicPaths: ['/openapi.json', '/docs'] });
  serveApiDescription(app, adapter.getInstance(), config);
  return app;
}

/** Initialises the modules and accepts requests; from here on everything is logged as configured. */
export async function listen(app: NestFastifyApplication, port: number, host: string): Promise<void> {
  await app.listen(port, host);
  app.useLogger(app.get(Logger));
}
