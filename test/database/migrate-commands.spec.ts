import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type MigrationFile, writeMigration } from '../../src/database/migration-writer.js';
import { UPWARD_FOREIGN_KEYS } from '../../src/database/upward-foreign-keys.js';
import { type CommandResult, runCommandProcess } from '../support/server-process.js';
import { testConfig } from '../support/test-config.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/test-server.js';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function run(name: string, url: string, ...args: string[]): Promise<CommandResult> {
  return runCommandProcess(name, args, {
    DATABASE_URL: url,
    KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    COOKIE_KEYS: 'x'.repeat(40),
  });
}

describe('migrate:create', () => {
  let database: TestDatabase;
  let folder: string;
  beforeEach(async () => {
    database = await createTestDatabase();
    folder = mkdtempSync(join(tmpdir(), 'tollgate-migrations-'));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    await database.drop();
  });

  const write = (name = 'what_it_does'): Promise<MigrationFile> =>
    writeMigration(testConfig({ DATABASE_URL: database.url }), { name, folder });
  const read = (file: MigrationFile): string => readFileSync(join(folder, file.fileName), 'utf8');
  const statements = (code: string, method: 'up' | 'down'): string[] => {
    const body = code.split(`override ${method}(): void {`)[1]!.split(/\n {2}}/)[0]!;
    return [...body.matchAll(/this\.addSql\(`([^]*?)`\);/g)].map(([, sql]) => sql!);
  };

  it('writes the way from the database to the entities and back', async () => {
    await query(
      database.url,
      'drop index credits_open_index; alter table users add column leftover text; alter table plans alter column trial_days set default 7',
    );
    const file = await write();
    const code = read(file);
    expect(file).toMatchObject({
      isEmpty: false,
      fileName: expect.stringMatching(/^Migration\d{14}_what_it_does\.ts$/),
    });
    expect(code).toContain(`export class ${file.fileName.replace('.ts', '')} extends Migration {`);
    expect(code).toContain('credits_open_index');

    const before = await query(database.url, 'select * from pg_indexes order by indexname');
    for (const sql of statements(code, 'up')) await query(database.url, sql);
    expect((await write('nothing_left')).isEmpty).toBe(true);
    for (const sql of statements(code, 'down')) await query(database.url, sql);
    expect(await query(database.url, 'select * from pg_indexes order by indexname')).toEqual(before);
  });

  it('leaves the keys to higher modules alone, and writes empty methods when there is nothing to do', async () => {
    const file = await write();
    expect(file.isEmpty).toBe(true);
    const code = read(file);
    for (const key of UPWARD_FOREIGN_KEYS) expect(code).not.toContain(key);
    expect(code).toContain('override up(): void {}');
    expect(code).toContain('override down(): void {}');
  });

  it('never drops a key to a higher module, a partition or a trigger beside a real change', async () => {
    await query(
      database.url,
      'alter table user_preferences drop column streaming; alter table token_usage_ledger alter column attempt_no drop default',
    );
    const code = read(await write());
    expect(statements(code, 'up')).toHaveLength(2);
    expect(statements(code, 'down')).toHaveLength(2);
    expect(code).toContain('"streaming"');
    expect(code).toContain('"attempt_no"');
    expect(code).not.toMatch(/partition|trigger|swap|foreign/);
  });

  it.each(['', 'x', 'Add Things', '../escape', '1st'])('refuses the name "%s"', async (name) => {
    await expect(write(name)).rejects.toThrow('is no name');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses a database that is not at the newest migration, or is ahead of it', async () => {
    await query(database.url, `insert into mikro_orm_migrations (name) values ('Migration20991231000000_future')`);
    await expect(write()).rejects.toThrow('migrated by a newer version (Migration20991231000000_future)');
    const empty = await createEmptyDatabase();
    try {
      const config = testConfig({ DATABASE_URL: empty.url });
      await expect(writeMigration(config, { name: 'too_early', folder })).rejects.toThrow('First: npm run migrate');
    } finally {
      await empty.drop();
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('asks for a name on the command line', async () => {
    const { exitCode, stderr } = await run('migrate-create', database.url);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('--name is needed.');
  });
});

describe('migrate', () => {
  it('waits where another process migrates, also while that one builds an index that waits for every other session', async () => {
    const database = await createEmptyDatabase();
    try {
      const [one, other] = await Promise.all([run('migrate', database.url), run('migrate', database.url)]);
      expect([one, other]).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
      const said = [one, other].map(({ stdout }) => stdout).toSorted();
      expect(said).toEqual([expect.stringMatching(/^Applied \d+ migrations\.$/), 'The database is up to date.']);
      const waiter = one.stdout.startsWith('Applied') ? other : one;
      expect(waiter.stderr).toContain('Another process migrates this database; waiting for its end …');
    } finally {
      await database.drop();
    }
  });
});

describe('migrate:status', () => {
  it('lists what was applied and when, what a newer version applied, and what is pending', async () => {
    const database = await createTestDatabase();
    try {
      await query(
        database.url,
        `delete from mikro_orm_migrations where name like '%settle_functions';
         insert into mikro_orm_migrations (name, executed_at) values ('Migration20991231000000_future', '2099-12-31T12:00:00Z')`,
      );
      const { exitCode, stdout, stderr } = await run('migrate-status', database.url);
      const lines = stdout.split('\n');
      expect(exitCode).toBe(0);
      expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}Migration20261122000100_distribution$/);
      expect(lines).toContain('2099-12-31 12:00:00Z  Migration20991231000000_future  (by a newer version)');
      expect(lines.at(-1)).toMatch(/^pending {15}Migration20261122000701_settle_functions$/);
      expect(stderr).toContain('of which this version does not know 1; 1 pending: npm run migrate');
    } finally {
      await database.drop();
    }
  });

  it('says that everything of an empty database is pending, and writes nothing to it', async () => {
    const database = await createEmptyDatabase();
    try {
      const { stdout } = await run('migrate-status', database.url);
      expect(stdout.split('\n').every((line) => line.startsWith('pending'))).toBe(true);
      expect(await query(database.url, `select from pg_class where relnamespace = 'public'::regnamespace`)).toEqual([]);
    } finally {
      await database.drop();
    }
  });
});
