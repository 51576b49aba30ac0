import { createServer } from 'node:net';
import { MikroORM } from '@mikro-orm/postgresql';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp, listen } from '../../src/bootstrap.js';
import { Clock, WallClock } from '../../src/common/clock.js';
import { testConfig } from './test-config.js';
import { createTestDatabase, type TestDatabase } from './test-server.js';

export interface TestApp {
  app: NestFastifyApplication;
  /** `http://localhost:<port>`, also the issuer and audience. */
  url: string;
  database: TestDatabase;
  orm: MikroORM;
  /** The product's time. */
  clock: TestClock;
  /** The time of sign-ins, tokens and keys. */
  wallClock: TestClock;
  close(): Promise<void>;
}

export interface TestAppOptions {
  env?: Record<string, string>;
  /** An existing database, e.g. to run a second instance beside the first; then `close` leaves it. */
  database?: TestDatabase;
  /** The address that tokens are issued for, when another instance already has it. */
  publicUrl?: string;
  /** Called before the modules are initialised, e.g. to register a job. */
  beforeInit?: (app: NestFastifyApplication) => void;
}

/** A whole server on a random port over a database of its own. */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const database = options.database ?? (await createTestDatabase());
  const port = await freePort();
  const address = `http://localhost:${port}`;
  const config = testConfig({
    DATABASE_URL: database.url,
    PORT: String(port),
    PUBLIC_URL: options.publicUrl ?? address,
    ...options.env,
  });
  const app = await createApp(config);
  const clock = new TestClock(app.get(Clock));
  const wallClock = new TestClock(app.get(WallClock));
  options.beforeInit?.(app);
  await listen(app, port, 'localhost');
  return {
    app,
    url: address,
    database,
    orm: app.get<MikroORM>(MikroORM),
    clock,
    wallClock,
    close: async () => {
      await app.close();
      if (!options.database) await database.drop();
    },
  };
}

/** Moves one of the application's clocks, on top of what it does by itself. */
export class TestClock {
  private offsetMs = 0;

  constructor(clock: Clock | WallClock) {
    const now = clock.now.bind(clock);
    clock.now = () => new Date(now().getTime() + this.offsetMs);
  }

  advance(ms: number): void {
    this.offsetMs += ms;
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
