import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import type { Config } from './config/config.js';
import { describeErrors } from './openapi-errors.js';
import { PRODUCT_VERSION } from './common/version.js';

const READER_PATH = '/docs';

/** Where the description is kept for whoever reads the repository. */
export const API_DESCRIPTION_FILE = join(import.meta.dirname, '..', '..', 'docs', 'openapi.json');

const DESCRIPTION = `Metered LLM access for the users of your own desktop app.

Sign in with OAuth 2.1 (authorization code with PKCE), then call the OpenAI-compatible routes with the access token. Errors of the inference
routes come in OpenAI's envelope, all others as RFC 9457 problem details with a stable \`code\`. Credits are decimal strings.`;

/** The OpenAPI document of every route, made from the code. */
export function describeApi(app: NestFastifyApplication, config: Config): OpenAPIObject {
  const options = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Tollgate')
    .setDescription(DESCRIPTION)
    .setVersion(PRODUCT_VERSION)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer(config.publicUrl)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Access token of this server' })
    .addApiKey({ type: 'apiKey', in: 'header', name: 'x-api-key', description: 'API key of a user' }, 'apiKey')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'METRICS_TOKEN of this installation' }, 'metrics')
    .build();
  const document = SwaggerModule.createDocument(app, options, {
    // What a generated client calls its functions: `budgetAdminUpdate`.
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  return describeErrors(document);
}

/** `/openapi.json` and its reader at `/docs`. Both are made when they are first asked for. */
export function serveApiDescription(app: NestFastifyApplication, server: FastifyInstance, config: Config): void {
  let document: OpenAPIObject | undefined;
  let reader: Promise<FastifyInstance> | undefined;
  server.get('/openapi.json', () => (document ??= describeApi(app, config)));
  for (const path of [READER_PATH, `${READER_PATH}/*`]) {
    server.get(path, async ({ url }, reply) => {
      const { statusCode, headers, rawPayload } = await (await (reader ??= openReader())).inject(url);
      return reply.status(statusCode).headers(headers).send(rawPayload);
    });
  }
}

/** A server of its own that listens nowhere: the reader holds 17 MB of script, which a process that nobody asks for it does without. */
async function openReader(): Promise<FastifyInstance> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const reader = fastify();
  await reader.register(scalar, {
    routePrefix: READER_PATH,
    configuration: { url: '/openapi.json', pageTitle: 'Tollgate API', withDefaultFonts: false, telemetry: false },
  });
  return reader;
}
