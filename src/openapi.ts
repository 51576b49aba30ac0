import scalar from '@scalar/fastify-api-reference';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import type { Config } from './config/config.js';
import { PRODUCT_VERSION } from './version.js';

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
  return SwaggerModule.createDocument(app, options);
}

/** `/openapi.json` and its reader at `/docs`. The document is made when it is first asked for. */
export async function serveApiDescription(
  app: NestFastifyApplication,
  server: FastifyInstance,
  config: Config,
): Promise<void> {
  let document: OpenAPIObject | undefined;
  server.get('/openapi.json', () => (document ??= describeApi(app, config)));
  await server.register(scalar, {
    routePrefix: '/docs',
    configuration: { url: '/openapi.json', pageTitle: 'Tollgate API', withDefaultFonts: false, telemetry: false },
  });
}
