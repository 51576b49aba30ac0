import { AsyncLocalStorage } from 'node:async_hooks';
import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** Which route a request came by. */
export interface RequestRoute {
  method: string;
  /** The route's pattern. */
  endpoint: string;
}

interface RequestScope {
  orm: MikroORM;
  route: RequestRoute;
  /** Made when the request first asks the ORM for something: most of those that are called often never do. */
  entities?: EntityManager;
}

const scopes = new AsyncLocalStorage<RequestScope | undefined>();

/** The entity manager of the request under way, with an identity map of its own. For the ORM's option `context`. */
export function entitiesOfRequest(): EntityManager | undefined {
  const scope = scopes.getStore();
  if (!scope) return undefined;
  // Outside the scope: what is made asks for the present entity manager itself.
  scope.entities ??= scopes.run(undefined, () => scope.orm.em.fork({ useContext: true }));
  return scope.entities;
}

/** The route of the request under way; none in a job. What a request began goes on in its scope. */
export function routeOfRequest(): RequestRoute | undefined {
  return scopes.getStore()?.route;
}

/** Gives each request a scope of its own. To be called before routes are registered. */
export function separateRequests(app: NestFastifyApplication): void {
  const orm = app.get<MikroORM>(MikroORM);
  const server = app.getHttpAdapter().getInstance();
  server.addHook('preHandler', ({ method, routeOptions }, _reply, done) =>
    scopes.run({ orm, route: { method, endpoint: routeOptions.url ?? '' } }, done),
  );
}
