import { setTimeout as sleep } from 'node:timers/promises';
import { MikroORM } from '@mikro-orm/postgresql';
import type { INestApplicationContext } from '@nestjs/common';
import pg from 'pg';
import { type DevelopmentAccount, seedDevelopment } from '../seeders/development.seed.js';
import { seedCatalogue } from '../seeders/catalogue.seed.js';
import { OperatorError } from './common/errors/operator-error.js';
import type { Config } from './config/config.js';
import { directConnection } from './database/direct-connection.js';
import { withMaintenanceOrm } from './database/maintenance-orm.js';
import { TestClockService } from './jobs/test-clock.service.js';

const SERVER_VERSION_MIN = 160_000;
/** Any number that nothing else locks: replicas that start together migrate one after another. */
const MIGRATION_LOCK = 7_268_001;
const MIGRATION_LOCK_POLL_MS = 250;

/**
 * Brings the database to what this version needs. Outside production that is done at every start; in production a start refuses to serve
 * a database with pending migrations, because a migration is the operator's decision.
 */
export async function prepareDatabase(
  app: INestApplicationContext,
  config: Config,
  onMessage: (text: string) => void,
): Promise<DevelopmentAccount[]> {
  const orm = app.get<MikroORM>(MikroORM);
  await assertVersion(orm);
  if (config.isProduction) {
    await assertMigrated(orm);
    await app.get(TestClockService).load();
    return [];
  }
  await migrateAndSeedCatalogue(config, onMessage);
  await app.get(TestClockService).load();
  return seedDevelopment(app);
}

/** Applies every pending migration and upserts what the product needs to run: plans, clients, models. Safe to repeat and to run in parallel. */
export async function migrateAndSeedCatalogue(
  config: Config,
  onMessage: (text: string) => void = () => undefined,
): Promise<void> {
  await withMigrationLock(config, onMessage, () =>
    withMaintenanceOrm(config, async (orm) => {
      const pending = await orm.migrator.getPending();
      if (pending.length > 0) onMessage(`Migrating the database (${pending.length} steps) …`);
      await orm.migrator.up();
      await seedCatalogue(orm, config);
    }),
  );
}

/** Runs `work` while no other process migrates. */
export async function withMigrationLock<Result>(
  config: Config,
  onMessage: (text: string) => void,
  work: () => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client(directConnection(config));
  client.on('error', () => undefined); // a server that goes away fails the next statement, which says so
  await client.connect();
  try {
    await takeMigrationLock(client, onMessage);
    return await work();
  } finally {
    await client.end(); // and with the session its lock
  }
}

/**
 * Asks again and again: a statement that waits for the lock keeps its snapshot meanwhile, and `create index concurrently` of the process that
 * migrates waits for every older snapshot. Neither would end, and PostgreSQL sees no deadlock in it, because the lock is another session's.
 */
async function takeMigrationLock(client: pg.Client, onMessage: (text: string) => void): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    const { rows } = await client.query<{ is_ours: boolean }>('select pg_try_advisory_lock($1) as is_ours', [
      MIGRATION_LOCK,
    ]);
    if (rows[0]?.is_ours) return;
    if (isFirst) onMessage('Another process migrates this database; waiting for its end …');
    await sleep(MIGRATION_LOCK_POLL_MS);
  }
}

async function assertVersion(orm: MikroORM): Promise<void> {
  const [row] = await orm.em
    .getConnection()
    .execute<{ version: string; number: number }[]>(
      `select current_setting('server_version') as version, current_setting('server_version_num')::int as number`,
    );
  if (row) refuseOldServer(row);
}

/** @throws OperatorError for a PostgreSQL that lacks what the migrations use. `number` is `server_version_num`, e.g. 150018. */
export function refuseOldServer({ version, number }: { version: string; number: number }): void {
  if (number >= SERVER_VERSION_MIN) return;
  throw new OperatorError(
    `This is PostgreSQL ${version}; Tollgate needs 16 or newer. Upgrade it, or unset DATABASE_URL to use the embedded one.`,
  );
}

async function assertMigrated(orm: MikroORM): Promise<void> {
  const pending = await orm.migrator.getPending();
  if (pending.length > 0)
    throw new OperatorError(
      `The database lacks ${pending.length} migrations (first: ${pending[0]?.name}). Run: npm run migrate && npm run seed`,
    );
}
