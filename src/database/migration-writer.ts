import { existsSync } from 'node:fs';
import { Migrator, TSMigrationGenerator } from '@mikro-orm/migrations';
import {
  type AbstractSqlConnection,
  type AbstractSqlPlatform,
  DatabaseSchema,
  MikroORM,
  type MigrationDiff,
} from '@mikro-orm/postgresql';
import { OperatorError } from '../common/errors/operator-error.js';
import type { Config } from '../config/config.js';
import { ormOptions } from '../mikro-orm.config.js';
import { WITHOUT_ENTITY } from './archived-tables.js';
import { readMigrationHistory } from './migration-history.js';
import { UPWARD_FOREIGN_KEYS } from './upward-foreign-keys.js';

/** What the ORM puts into a migration without a difference. */
const BLANK_STATEMENT = 'select 1';

export interface MigrationFile {
  /** `Migration<time>_<name>.ts` */
  fileName: string;
  /** Whether entities and database were the same, so that there is nothing in it yet. */
  isEmpty: boolean;
}

/**
 * Writes the migration that brings the database to what the entities say, to be read and completed by hand.
 * @throws OperatorError when the name says nothing, the sources are not there, or the database is not at the newest migration.
 */
export async function writeMigration(
  config: Config,
  options: { name: string; folder?: string },
): Promise<MigrationFile> {
  if (!/^[a-z][a-z0-9_]{2,59}$/.test(options.name))
    throw new OperatorError(`"${options.name}" is no name: say what it does, e.g. --name add_invoice_numbers`);
  const orm = await openForWriting(config);
  try {
    const folder = options.folder ?? orm.config.get('migrations').pathTs!;
    if (!existsSync(folder)) throw new OperatorError(`There is no folder ${folder}: run this in a checkout.`);
    await assertNewest(orm);
    const migrator = new DatabaseMigrator(orm.em);
    const written = await migrator.create(folder, false, false, options.name);
    if (written.fileName) return { fileName: written.fileName, isEmpty: false };
    return { fileName: (await migrator.create(folder, true, false, options.name)).fileName, isEmpty: true };
  } finally {
    await orm.close();
  }
}

function openForWriting(config: Config): Promise<MikroORM> {
  const options = ormOptions((config.databaseDirectUrl ?? config.databaseUrl)!, config, false);
  const migrations = {
    ...options.migrations,
    emit: 'ts' as const,
    snapshot: false,
    generator: PlainMigrationGenerator,
  };
  return MikroORM.init({ ...options, migrations });
}

/**
 * Compares the entities with the database itself, of which it leaves out what entities do not declare. Otherwise `up` would drop the keys to
 * higher modules, and `down` rebuild partitioned tables in another schema and give append-only tables triggers that do nothing.
 */
class DatabaseMigrator extends Migrator {
  protected override async getSchemaFromSnapshot(): Promise<DatabaseSchema> {
    const { driver, config } = this;
    const schema = await DatabaseSchema.create(
      driver.getConnection() as AbstractSqlConnection,
      driver.getPlatform() as AbstractSqlPlatform,
      config,
      undefined,
      undefined,
      undefined,
      WITHOUT_ENTITY.skipTables,
      WITHOUT_ENTITY.skipViews,
    );
    for (const table of schema.getTables()) {
      table.setPartitioning(undefined);
      table.setTriggers([]);
      const keys = Object.entries(table.getForeignKeys());
      table.setForeignKeys(Object.fromEntries(keys.filter(([name]) => !UPWARD_FOREIGN_KEYS.includes(name))));
    }
    return schema;
  }
}

/** Otherwise what pending migrations do would be in the new one again, and what a newer version did would be taken back by it. */
async function assertNewest(orm: MikroORM): Promise<void> {
  const { pending, unknown } = await readMigrationHistory(orm);
  if (pending.length > 0)
    throw new OperatorError(
      `${pending[0]} has not been applied: its changes would be written again. First: npm run migrate`,
    );
  if (unknown.length > 0)
    throw new OperatorError(`This database was migrated by a newer version (${unknown[0]}). Use one of this version.`);
}

/** Writes a migration as the others of this project look. */
class PlainMigrationGenerator extends TSMigrationGenerator {
  override generateMigrationFile(className: string, diff: MigrationDiff): string {
    return [
      `import { Migration } from '@mikro-orm/migrations';`,
      '',
      '/** Say here what this is for. */',
      `export class ${className} extends Migration {`,
      ...this.method('up', diff.up),
      '',
      ...this.method('down', diff.down),
      '}',
      '',
    ].join('\n');
  }

  private method(name: 'up' | 'down', statements: string[]): string[] {
    const body = statements.filter((statement) => statement && statement !== BLANK_STATEMENT);
    if (body.length === 0) return [`  override ${name}(): void {}`];
    return [
      `  override ${name}(): void {`,
      ...body.map((statement) => this.createStatement(statement, 4).trimEnd()),
      '  }',
    ];
  }
}
