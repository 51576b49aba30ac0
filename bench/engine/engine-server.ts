import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Config } from '../../src/config/config.js';
import { EmbeddedServer } from '../../src/database/embedded-server.js';
import { migrateAndSeedCatalogue } from '../../src/prepare-database.js';
import { familyCpuMs } from '../process-stats.js';

/** As an operator of a small machine would set it; what is measured waits for the disk as it would there. */
const SERVER_SETTINGS = ['shared_buffers=1GB', 'max_wal_size=8GB', 'work_mem=64MB'];
const TEMPLATE = 'tollgate';

/** A PostgreSQL of the benchmark's own, gone with it. */
export class EngineServer {
  private constructor(
    private readonly embedded: EmbeddedServer,
    private readonly dataDir: string,
  ) {}

  /** @param settings `name=value`, beside those that every measurement has */
  static async start(settings: readonly string[] = []): Promise<EngineServer> {
    const dataDir = mkdtempSync(join(tmpdir(), 'tollgate-bench-engine-'));
    const embedded = await EmbeddedServer.start({
      dataDir,
      isDataDirChosen: true,
      onMessage: () => undefined,
      settings: [...SERVER_SETTINGS, ...settings],
    });
    const server = new EngineServer(embedded, dataDir);
    await migrateAndSeedCatalogue(server.configOf(TEMPLATE));
    return server;
  }

  /** A migrated database of this name. */
  async createDatabase(name: string): Promise<string> {
    await this.administer(`create database ${name} template ${TEMPLATE}`);
    return this.urlOf(name);
  }

  async dropDatabase(name: string): Promise<void> {
    await this.administer(`drop database ${name} with (force)`);
  }

  urlOf(name: string): string {
    return Object.assign(new URL(this.embedded.url), { pathname: `/${name}` }).href;
  }

  configOf(name: string): Config {
    return Config.load({
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      JOBS: 'off',
      DATABASE_URL: this.urlOf(name),
      KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      COOKIE_KEYS: 'cookie-key-of-the-bench-0123456789abcdef',
    });
  }

  /** Of all its processes, those that have ended included. */
  get cpuMs(): number | undefined {
    return familyCpuMs(this.embedded.processId!);
  }

  get processId(): number {
    return this.embedded.processId!;
  }

  get logFile(): string {
    return join(this.embedded.homeDir, 'postgresql.log');
  }

  async stop(): Promise<void> {
    await this.embedded.stop();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  private async administer(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.urlOf('postgres') });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }
}
