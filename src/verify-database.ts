import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import { CATALOGUE } from '../seeders/models.seeder.js';
import { SANDBOX_MODELS } from '../seeders/catalogue/sandbox-models.js';
import { seedClients } from '../seeders/clients.seeder.js';
import { TIERS } from './common/domain/tiers.js';
import type { Config } from './config/config.js';
import { withMaintenanceOrm } from './database/maintenance-orm.js';
import { type MigrationHistory, readMigrationHistory } from './database/migration-history.js';
import { checkPartitions } from './database/partition-checks.js';
import { compareSchemas, type Finding } from './database/schema-comparison.js';
import { describeSchema, type SchemaDescription } from './database/schema-description.js';
import { explain } from './explain-failure.js';
import { ormOptions } from './mikro-orm.config.js';

export const CONTRACT_FILE = join(import.meta.dirname, '..', '..', 'migrations', 'schema.contract.json');

export interface DatabaseReport {
  isSound: boolean;
  findings: Finding[];
  /** What was looked at, each with what is right about it. */
  checked: string[];
}

/** Compares the database with what this version needs. Reads only; what it finds is in the report, never thrown. */
export async function verifyDatabase(config: Config, now: Date): Promise<DatabaseReport> {
  try {
    return await withMaintenanceOrm(config, async (orm) => {
      const server = await identify(orm);
      const history = await readMigrationHistory(orm);
      const actual = await describeSchema(orm);
      const isEmpty = Object.keys(actual.tables).length === 0 && history.applied.length === 0;
      const findings = [
        ...(await connectionFindings(config, server)),
        ...migrationFindings(history, isEmpty),
        ...(isEmpty ? [] : compareSchemas(readContract(), actual)),
        ...(isEmpty ? [] : await checkPartitions(orm.em, now)),
        ...(await seedFindings(orm, config, actual)),
      ];
      return { isSound: findings.length === 0, findings, checked: summarise(server, history, actual) };
    });
  } catch (error) {
    return { isSound: false, findings: [unreachable('DATABASE_URL', error)], checked: [] };
  }
}

export function readContract(): SchemaDescription {
  return JSON.parse(readFileSync(CONTRACT_FILE, 'utf8')) as SchemaDescription;
}

interface ServerIdentity {
  version: string;
  database: string;
  startedAt: string;
}

async function identify(orm: MikroORM): Promise<ServerIdentity> {
  const [identity] = await orm.em.getConnection().execute<ServerIdentity[]>(
    `select current_setting('server_version') as version, current_database()::text as database,
            pg_postmaster_start_time()::text as "startedAt"`,
  );
  return identity!;
}

/** `server` was reached past the pooler; requests go through it. Both have to end in one database. */
async function connectionFindings(config: Config, server: ServerIdentity): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (Number.parseInt(server.version, 10) < 16)
    findings.push({
      kind: 'connection',
      subject: 'server version',
      problem: 'different',
      message: `This is PostgreSQL ${server.version}; Tollgate needs 16 or newer.`,
      mend: 'Upgrade the server, or unset DATABASE_URL to use the embedded one.',
    });
  if (!config.databaseDirectUrl || !config.databaseUrl) return findings;
  try {
    const pooled = await identifyThroughPooler(config.databaseUrl, config);
    const isSame = pooled.database === server.database && pooled.startedAt === server.startedAt;
    if (isSame) return findings;
    return [
      ...findings,
      {
        kind: 'connection',
        subject: 'DATABASE_DIRECT_URL',
        problem: 'different',
        message: `DATABASE_URL leads to database ${pooled.database}, DATABASE_DIRECT_URL to another: ${server.database}.`,
        mend: 'Point both at the same database, the first through the pooler and the second past it.',
      },
    ];
  } catch (error) {
    return [...findings, unreachable('DATABASE_URL', error)];
  }
}

async function identifyThroughPooler(url: string, config: Config): Promise<ServerIdentity> {
  const orm = await MikroORM.init(ormOptions(url, config));
  try {
    return await identify(orm);
  } finally {
    await orm.close();
  }
}

function unreachable(subject: string, error: unknown): Finding {
  return {
    kind: 'connection',
    subject,
    problem: 'unreachable',
    message: explain(error),
    mend: 'Start the server, or correct the variable; then run npm run db:verify again.',
  };
}

function migrationFindings(history: MigrationHistory, isEmpty: boolean): Finding[] {
  const unknown = history.unknown.map((name) => ({
    kind: 'migration',
    subject: name,
    problem: 'unknown' as const,
    message: `A newer version of Tollgate applied ${name}, which this version does not know.`,
    mend: 'Run the newer version; or take the migration back with it first: npm run migrate:down there.',
  }));
  if (history.applied.length === 0 && !isEmpty) {
    return [
      {
        kind: 'migration',
        subject: 'mikro_orm_migrations',
        problem: 'missing',
        message: 'There are tables, but no record of the migrations that made them.',
        mend: 'Is this the right database? If so, restore the table mikro_orm_migrations from a backup (docs/operations.md).',
      },
    ];
  }
  const pending = history.pending.map((name) => ({
    kind: 'migration',
    subject: name,
    problem: 'pending' as const,
    message: `The migration ${name} has not been applied${isEmpty ? '' : '; what it makes is missing below'}.`,
    mend: 'npm run migrate',
  }));
  return [...unknown, ...pending];
}

/** What the seed makes. Rows that an operator added or changed are the operator's. */
async function seedFindings(orm: MikroORM, config: Config, actual: SchemaDescription): Promise<Finding[]> {
  const models = config.sandbox ? [...CATALOGUE, ...SANDBOX_MODELS] : CATALOGUE;
  const wanted = [
    { table: 'plans', key: 'tier', values: [...TIERS] },
    { table: 'oauth_clients', key: 'client_id', values: seedClients(config.publicUrl).map(({ clientId }) => clientId) },
    { table: 'models', key: 'id', values: models.map(({ id }) => id) },
  ];
  const findings: Finding[] = [];
  for (const { table, key, values } of wanted) {
    if (!actual.columns[`${table}.${key}`]) continue; // told as missing already
    const rows = await orm.em
      .getConnection()
      .execute<{ value: string }[]>(`select ${key}::text as value from ${table}`);
    const present = new Set(rows.map(({ value }) => value));
    for (const value of values.filter((candidate: string) => !present.has(candidate)))
      findings.push({
        kind: 'seed row',
        subject: `${table} ${value}`,
        problem: 'missing',
        message: `The table ${table} has no row ${value}, which every installation begins with.`,
        mend: 'npm run seed',
      });
  }
  return findings;
}

function summarise(server: ServerIdentity, history: MigrationHistory, actual: SchemaDescription): string[] {
  const count = (kind: keyof SchemaDescription): number => Object.keys(actual[kind]).length;
  return [
    `connection: PostgreSQL ${server.version}, database ${server.database}`,
    `migrations: ${history.applied.length} applied, ${history.pending.length} pending, ${history.unknown.length} unknown`,
    `schema: ${count('tables')} tables, ${count('columns')} columns, ${count('indexes')} indexes, ${count('enums')} enums, ` +
      `${count('foreignKeys')} foreign keys, ${count('triggers')} triggers, ${count('functions')} functions`,
  ];
}
