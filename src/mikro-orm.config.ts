import { join } from 'node:path';
import { Migrator } from '@mikro-orm/migrations';
import { defineConfig, type Options } from '@mikro-orm/postgresql';
import type { Client, ClientBase } from 'pg';
import type { Config } from './config/config.js';
import { WITHOUT_ENTITY } from './database/archived-tables.js';
import { ReleasingDriver } from './database/releasing-driver.js';
import { endUnanswered } from './database/unanswered.js';

/** No request holds locks for longer: a transaction that does is a bug or a dead client. Migrations and seeds are not limited. */
const TRANSACTION_TIMEOUT_MS = 10_000;
/**
 * The server ends what takes longer than a transaction may, and says so. One that says nothing until then is gone: its host fell silent, or
 * something on the way forgot the connection. The kernel would notice after a quarter of an hour.
 */
const ANSWER_MS_MAX = 2 * TRANSACTION_TIMEOUT_MS;
const IDLE_TIMEOUT_MS = 30_000;

type PoolConfig = Pick<Config, 'databasePoolSize' | 'databasePoolTimeoutMs' | 'logLevel'>;

/** The ORM's options for one database; `isLimited` sets the time limits of request traffic. */
export function ormOptions(url: string, config: PoolConfig, isLimited = true, answerMsMax = ANSWER_MS_MAX): Options {
  const compiledRoot = join(import.meta.dirname, '..');
  return defineConfig({
    driver: ReleasingDriver,
    clientUrl: url,
    entities: [join(import.meta.dirname, '**', '*.entity.js')],
    extensions: [Migrator],
    forceUtcTimezone: true,
    // A misspelt name is an error, not a new database.
    ensureDatabase: false,
    pool: { min: 0, max: config.databasePoolSize, idleTimeoutMillis: IDLE_TIMEOUT_MS },
    driverOptions: {
      connectionTimeoutMillis: config.databasePoolTimeoutMs,
      application_name: 'tollgate',
      ...tlsOptions(url),
      onConnect: (client: Client) => {
        if (isLimited) endUnanswered(client, answerMsMax);
        return prepareSession(client, isLimited);
      },
    },
    debug: config.logLevel === 'debug' || config.logLevel === 'trace' ? ['query'] : false,
    // Escape sequences have no place in a log that machines read.
    colors: false,
    schemaGenerator: { ignoreSchema: ['tollgate', 'pgboss'], ignoreTriggers: true, ...WITHOUT_ENTITY },
    migrations: {
      path: join(compiledRoot, 'migrations'),
      pathTs: join(compiledRoot, '..', 'migrations'),
      glob: 'Migration*.js',
      snapshot: true,
      snapshotName: 'schema',
      snapshotOnMigrate: false,
      transactional: true,
      allOrNothing: false,
      silent: true,
    },
  });
}

/** The driver knows no `sslmode`; this follows libpq: `require` encrypts, `verify-*` also checks the certificate. */
export function tlsOptions(url: string): { ssl?: { rejectUnauthorized: boolean } } {
  const mode = new URL(url).searchParams.get('sslmode');
  if (!mode || mode === 'disable' || mode === 'allow' || mode === 'prefer') return {};
  return { ssl: { rejectUnauthorized: mode.startsWith('verify') } };
}

/**
 * Tables are in `public`, whatever the user is called: a user named like our function schema would otherwise get them there ("$user").
 * `transaction_timeout` exists from PostgreSQL 17 on; before, only idle transactions can be limited.
 */
export async function prepareSession(client: ClientBase, isLimited: boolean): Promise<void> {
  await client.query(
    `select set_config('search_path', 'public', false) union all
     select set_config(name, $1, false) from pg_settings where name in ('transaction_timeout', 'idle_in_transaction_session_timeout')`,
    [String(isLimited ? TRANSACTION_TIMEOUT_MS : 0)],
  );
}
