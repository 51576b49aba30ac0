import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../src/bootstrap.js';
import { Config } from '../../src/config/config.js';
import { EmbeddedServer } from '../../src/database/embedded-server.js';
import { migrateAndSeedCatalogue } from '../../src/prepare-database.js';
import { type ServerProcess, startServerProcess } from '../../test/support/server-process.js';
import { freePort } from '../../test/support/test-app.js';

/** A server of the benchmark's own, with the hashing of production, and the same application beside it to prepare and compare. */
export interface AuthServer {
  server: ServerProcess;
  /** Initialised, not listening. */
  app: NestFastifyApplication;
  stop(): Promise<void>;
}

export async function startAuthServer(): Promise<AuthServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tollgate-bench-auth-'));
  const database = await EmbeddedServer.start({ dataDir, isDataDirChosen: true, onMessage: () => undefined });
  const port = await freePort();
  const env = {
    NODE_ENV: 'development',
    LOG_LEVEL: 'error',
    JOBS: 'off',
    PORT: String(port),
    PUBLIC_URL: `http://localhost:${port}`,
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
    KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    COOKIE_KEYS: 'cookie-key-of-the-bench-0123456789abcdef',
  };
  const config = Config.load(env);
  await migrateAndSeedCatalogue(config);
  const server = await startServerProcess(env);
  const app = await createApp(config);
  await app.init();
  return {
    server,
    app,
    stop: async () => {
      await server.end();
      await app.close();
      await database.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
