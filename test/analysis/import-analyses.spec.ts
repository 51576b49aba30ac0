import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { newId } from '../../src/common/ids.js';
import { runCommandProcess } from '../support/server-process.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';

const ROWS = 10_000;
/** Of each hundred rows one is of each of these. */
const ODD: ((row: Record<string, unknown>) => unknown)[] = [
  () => 'no JSON at all {',
  (row) => ({ ...row, userId: newId() }),
  (row) => ({ ...row, entryId: undefined }),
  (row) => ({ ...row, createdAt: 'yesterday' }),
  (row) => ({ ...row, tokens: -5 }),
  (row) => ({ ...row, result: undefined }),
  (row) => ({ ...row, entryId: 'x'.repeat(201) }),
  () => [],
];
const REFUSED = (ROWS / 100) * ODD.length;

describe('npm run import:analyses', () => {
  let database: TestDatabase;
  let folder: string;
  const userId = newId();

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = mkdtempSync(join(tmpdir(), 'tollgate-import-'));
    await query(
      `insert into users (id, email, created_at, updated_at) values ($1, 'writer@example.com', now(), now())`,
      [userId],
    );
  });
  afterAll(async () => {
    await database.drop();
    rmSync(folder, { recursive: true });
  });

  async function query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  const count = async (): Promise<number> =>
    (await query<{ count: number }>('select count(*)::integer as count from ai_analyses'))[0]!.count;
  const run = (...args: string[]) =>
    runCommandProcess('import-analyses', args, { DATABASE_URL: database.url, DATA_DIR: folder });

  it('takes ten thousand rows over, odd ones refused one by one, once however often it runs, and takes them back', async () => {
    const rows = Array.from({ length: ROWS }, (_, index) => {
      const good = {
        id: newId(),
        ...(index % 2 ? { userId } : { user_email: 'Writer@example.com' }),
        entryId: `entry-${index}`,
        result: { sentiment: 'positive' },
        processingAttempts: 1,
        promptTokens: index,
        cost: 0.000125,
        createdAt: '2025-03-04T05:06:07Z',
      };
      return ODD[index % 100]?.(good) ?? good;
    });
    const file = join(folder, 'analyses.jsonl');
    writeFileSync(file, rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'));

    const dry = await run('--from', file, '--dry-run');
    expect([dry.exitCode, await count()]).toEqual([1, 0]);
    expect(dry.stderr).toContain(`${ROWS} rows: ${ROWS - REFUSED} create, 0 unchanged, ${REFUSED} refused`);

    const { exitCode, stdout, stderr } = await run('--from', file);
    expect([exitCode, await count()]).toEqual([1, ROWS - REFUSED]);
    const lines = stdout.split('\n');
    expect(lines).toHaveLength(ROWS);
    expect(lines[1]).toMatch(/^row 2; [0-9a-f-]{36}; refused; its user is not known here$/);
    expect(lines[3]).toContain('row 4; no id; refused; createdAt must be a time');
    const [kept] = await query(`select * from ai_analyses where subject_id = 'entry-9'`);
    expect(kept).toMatchObject({
      user_id: userId,
      kind: 'sentiment',
      status: 'completed',
      request_tokens: 9,
      api_cost_nusd: '125000',
    });

    const again = await run('--from', file);
    expect(again.stderr).toContain(`0 create, ${ROWS - REFUSED} unchanged, ${REFUSED} refused`);
    const undone = await run('--undo', /--undo (\S+)/.exec(stderr)![1]!);
    expect([undone.exitCode, await count()]).toEqual([0, 0]);
  }, 240_000);

  it('reads CSV by its header, and says what it cannot read', async () => {
    const file = join(folder, 'older.csv');
    writeFileSync(
      file,
      `email,entry_id,result,tokens,created_at\nwriter@example.com,e1,"{""mood"":""good""}",12,2025-01-01T00:00:00Z\n`,
    );
    expect((await run('--from', file)).exitCode).toBe(0);
    expect(await query('select tokens_used, result from ai_analyses')).toEqual([
      { tokens_used: 12, result: { mood: 'good' } },
    ]);
    const missing = await run('--from', join(folder, 'nothing.jsonl'));
    expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining('could not be read')]);
  }, 120_000);
});
