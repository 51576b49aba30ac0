import { readdirSync } from 'node:fs';
import type { MikroORM } from '@mikro-orm/postgresql';

export interface AppliedMigration {
  name: string;
  executedAt: Date;
}

export interface MigrationHistory {
  applied: AppliedMigration[];
  /** What this version has and the database lacks, in the order in which it will run. */
  pending: string[];
  /** What a newer version did to the database. */
  unknown: string[];
}

/** What has been done to the database and what has not. Writes nothing: the ORM's own question makes its table. */
export async function readMigrationHistory(orm: MikroORM): Promise<MigrationHistory> {
  const known = knownMigrations(orm);
  const applied = await appliedMigrations(orm);
  const names = new Set(applied.map(({ name }) => name));
  return {
    applied,
    pending: known.filter((name) => !names.has(name)),
    unknown: [...names].filter((name) => !known.includes(name)),
  };
}

function knownMigrations(orm: MikroORM): string[] {
  const { path } = orm.config.get('migrations');
  return readdirSync(path!)
    .flatMap((file) => /^(Migration\w+)\.js$/.exec(file)?.[1] ?? [])
    .toSorted();
}

async function appliedMigrations(orm: MikroORM): Promise<AppliedMigration[]> {
  const connection = orm.em.getConnection();
  const [table] = await connection.execute<{ id: string | null }[]>(
    `select to_regclass('public.mikro_orm_migrations')::text as id`,
  );
  if (!table?.id) return [];
  const rows = await connection.execute<{ name: string; executed_at: Date | string }[]>(
    'select name, executed_at from public.mikro_orm_migrations order by id',
  );
  return rows.map(({ name, executed_at: at }) => ({ name: name.replace(/\.[jt]s$/, ''), executedAt: new Date(at) }));
}
