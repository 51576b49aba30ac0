import { AsyncLocalStorage } from 'node:async_hooks';
import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

interface RequestScope {
  orm: MikroORM;
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

/** Gives each request a scope of its own. To be called before routes are registered. */
export function separateRequests(app: NestFastifyApplication): void {
  const orm = app.get<MikroORM>(MikroORM);
  const server = app.getHttpAdapter().getInstance();
  server.addHook('preHandler', (_request, _reply, done) => scopes.run({ orm }, done));
}
