import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { readContract, verifyDatabase } from '../../src/verify-database.js';
import { runCommandProcess, startServerProcess } from '../support/server-process.js';
import { freePort } from '../support/test-app.js';
import { testConfig } from '../support/test-config.js';
import { administer, createTestDatabase, type TestDatabase, testServerUrl } from '../support/test-server.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const read = (name: string): string => readFileSync(join(ROOT, 'docs', name), 'utf8');
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map((match) => match[1]!.trim());

/** Runs a block of a document as its reader would. */
function runShell(script: string, options: { cwd: string; env: Record<string, string> }): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/tmp', ...options.env };
    execFile('sh', ['-euc', script], { cwd: options.cwd, env }, (error, stdout, stderr) =>
      error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(stdout),
    );
  });
}

async function query<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** The columns that a definition begins with, e.g. of `FOREIGN KEY (user_id, id) REFERENCES …`. */
const columnsOf = (definition: string): string => /\(([^)]*)\)/.exec(definition)?.[1] ?? '';
const tableOf = (name: string): string => name.split('.')[0]!;

describe('docs/database.md', () => {
  const text = read('database.md');
  const contract = readContract();
  const foreignKeys = Object.entries(contract.foreignKeys);

  it('names every table and view', () => {
    const names = [...Object.keys(contract.tables), ...Object.keys(contract.views)];
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  it('tells the ON DELETE rule of every foreign key', () => {
    for (const [name, definition] of foreignKeys) {
      const row = text.split('\n').find((line) => line.includes(`| \`${tableOf(name)}\``))!;
      const rule = /ON DELETE (CASCADE|RESTRICT|SET NULL)/.exec(definition)?.[1] ?? '';
      const column = `\`${columnsOf(definition)}\``;
      const told = row.slice(row.indexOf(column)).match(/CASCADE|RESTRICT|SET NULL/)?.[0];
      expect([name, row.includes(column), told]).toEqual([name, true, rule]);
    }
  });

  it('says why there is each index that serves no foreign key, and names none that is not there', () => {
    const others = Object.entries(contract.indexes).filter(
      ([name, definition]) =>
        !foreignKeys.some(
          ([key, reference]) =>
            tableOf(key) === tableOf(name) && columnsOf(definition).startsWith(columnsOf(reference)),
        ),
    );
    expect(others.length).toBeGreaterThan(20);
    const names = others.map(([name]) => name.split('.')[1]!);
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
    const section = text.slice(text.indexOf('## Indexes'), text.indexOf('## Connections'));
    const named = [...section.matchAll(/`(\w+_(?:index|unique)|idx_\w+)`/g)].map((match) => match[1]!);
    const known = new Set(Object.keys(contract.indexes).map((name) => name.split('.')[1]!));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('is right that every foreign key has an index that begins with its columns', () => {
    const indexes = [...Object.entries(contract.indexes), ...Object.entries(contract.keys)];
    const bare = foreignKeys.filter(
      ([key, reference]) =>
        !indexes.some(
          ([name, definition]) =>
            tableOf(name) === tableOf(key) &&
            `${columnsOf(definition)},`.startsWith(`${columnsOf(reference)},`) &&
            !definition.includes(' WHERE '),
        ),
    );
    expect(bare).toEqual([]);
  });
});

describe('the statements of the documents', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it.each([...blocks(read('database.md'), 'sql'), ...blocks(read('operations.md'), 'sql')])('run: %s', async (sql) => {
    const rows = await query<Record<string, string>>(database.url, sql);
    if (sql.startsWith('explain')) {
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Index/);
      expect(plan).not.toMatch(/Seq Scan on \w+\b(?!.*default)/);
    } else {
      expect(Array.isArray(rows)).toBe(true);
    }
  });
});

const [dump, restoreDump, backup, restoreBackup] = blocks(read('operations.md'), 'sh');

describe('a backup of the embedded database', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-backup-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('brings back every account, credit and token, as docs/operations.md prints it', async () => {
    chmodSync(folder, 0o755); // as root, the database's user has to get in
    const env = { DATA_DIR: join(folder, 'data'), PORT: String(await freePort()) };
    mkdirSync(env.DATA_DIR);
    const command = (name: string, ...args: string[]) => runCommandProcess(name, args, env);

    const before = await startServerProcess(env);
    const { stdout: token } = await command(
      'token',
      '--email',
      'demo@example.com',
      '--scope',
      'llm.inference credits.read',
    );
    const ask = (url: string) =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }] }),
      });
    const credits = async (url: string): Promise<unknown> =>
      (await fetch(`${url}/v1/me/credits`, { headers: { authorization: `Bearer ${token}` } })).json();
    expect((await ask(before.url)).status).toBe(200);
    const kept = await credits(before.url);
    expect(kept).toMatchObject({ available: expect.stringMatching(/^1999\./) });
    await before.end();

    await runShell(backup!, { cwd: folder, env });
    expect((await command('db-reset')).exitCode).toBe(0);
    await runShell(restoreBackup!, { cwd: folder, env });

    expect(await command('db-verify')).toMatchObject({ exitCode: 0 });
    expect(await command('reconcile')).toMatchObject({ exitCode: 0 });
    const after = await startServerProcess(env);
    try {
      expect(await credits(after.url)).toEqual(kept);
      expect((await ask(after.url)).status).toBe(200);
    } finally {
      await after.end();
    }
  });
});

/** What needs programs of the system runs with `npm run test:services` alone. */
if (process.env['TEST_SERVICES'])
  describe('a dump of the database', () => {
    it('brings back a database that is as this version needs it, as docs/operations.md prints it', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'tollgate-dump-'));
      const database = await createTestDatabase();
      const restored = testServerUrl('tollgate_restored');
      try {
        const env = { DATABASE_URL: database.url, RESTORED_URL: restored };
        await runShell(dump!, { cwd: folder, env });
        await runShell(restoreDump!, { cwd: folder, env });
        const report = await verifyDatabase(testConfig({ DATABASE_URL: restored }), new Date('2026-11-22T12:00:00Z'));
        expect(report.findings).toEqual([]);
      } finally {
        await administer('drop database if exists tollgate_restored with (force)');
        await database.drop();
        rmSync(folder, { recursive: true });
      }
    });
  });
