import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { foldOlder, lostColumns, unfoldOlder } from '../../src/models/domain/older-model.js';
import { ModelMeta } from '../../src/models/domain/model-meta.js';
import { runCommandProcess, type CommandResult } from '../support/server-process.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/test-server.js';

const ROWS = 1_000;
const TABLE = `
  create table models (
    id varchar(100) primary key, name varchar(255) not null, provider varchar(100) not null, is_available boolean, is_archived boolean,
    display_name text, description text, version text, capabilities text, context_length integer, max_output_tokens integer,
    input_cost_per_million_tokens numeric, output_cost_per_million_tokens numeric, credits_per_1k_tokens numeric(12, 4),
    is_deprecated boolean, required_tier text, tier_restriction_mode text, allowed_tiers text[], icon_url text,
    created_at timestamptz not null default '2024-05-06T07:08:09Z', updated_at timestamptz not null default now())`;

/** Ordinary rows, and in turn each oddity that tables of this age have. */
const FILL = `
  insert into models
  select 'old-' || i, 'upstream-' || i, case when i % 3 = 0 then 'openai' else 'anthropic' end,
    case when i % 50 = 1 then null else i % 7 <> 0 end, i % 40 = 2,
    case when i % 50 = 3 then null else 'Old model ' || i end,
    case i % 50 when 4 then '' when 5 then null when 6 then e'Umlaute äöü, „quotes“,\\nlines and 🚀' else 'A model' end,
    case when i % 2 = 0 then '1.' || i end,
    case i % 50 when 7 then '{text,vision}' when 8 then 'Text, Function Calling' when 9 then null when 10 then '[]'
      else '["text","vision"]' end,
    8000 + i, 4000, (i % 30) * 1000, 2000, case i % 50 when 11 then 0.001 when 12 then 0 else (i % 9) + 0.5 end,
    case when i % 50 = 13 then null else i % 11 = 0 end,
    case i % 50 when 14 then null when 15 then 'PRO' when 16 then 'pro-max' else 'pro' end,
    case when i % 20 = 17 then 'whitelist' when i % 20 = 18 then 'exact' when i % 2 = 0 then 'minimum' end,
    case when i % 20 = 17 then array['pro','enterprise'] when i % 50 = 19 then array['free'] end,
    case when i % 50 = 20 then 'https://example.com/icon.png' end
  from generate_series(1, ${ROWS}) i`;

/** Rows that cannot be taken, and the column at fault. */
const HOPELESS = [
  [`update models set capabilities = '["telepathy"]' where id = 'old-100'`, 'old-100', 'capabilities'],
  [`update models set required_tier = 'gold' where id = 'old-101'`, 'old-101', 'required_tier'],
  [`update models set input_cost_per_million_tokens = -1 where id = 'old-102'`, 'old-102', 'inputCostPerMillionTokens'],
  [`update models set credits_per_1k_tokens = 0.0005 where id = 'old-103'`, 'old-103', 'creditsPer1kTokens'],
  [`update models set context_length = null where id = 'old-104'`, 'old-104', 'contextLength'],
  [
    `update models set output_cost_per_million_tokens = null where id = 'old-105'`,
    'old-105',
    'outputCostPerMillionTokens',
  ],
  [`update models set id = 'bad id' where id = 'old-106'`, 'bad id', 'id'],
] as const;

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('import:models', () => {
  let source: TestDatabase;
  let target: TestDatabase;
  let folder: string;
  beforeAll(async () => {
    source = await createEmptyDatabase();
    target = await createTestDatabase();
    folder = mkdtempSync(join(tmpdir(), 'tollgate-import-'));
    await query(source.url, TABLE);
    await query(source.url, FILL);
    for (const [statement] of HOPELESS) await query(source.url, statement);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await Promise.all([source.drop(), target.drop()]);
  });

  const run = (...args: string[]): Promise<CommandResult> =>
    runCommandProcess('import-models', args, {
      DATABASE_URL: target.url,
      DATA_DIR: folder,
      KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      COOKIE_KEYS: 'x'.repeat(40),
    });

  async function count(where = 'true'): Promise<number> {
    const [row] = await query<{ count: string }>(
      target.url,
      `select count(*) from models where id like 'old-%' and ${where}`,
    );
    return Number(row!.count);
  }

  it('reports every row of a dry run, and writes nothing', async () => {
    const { stdout, stderr, exitCode } = await run('--from', source.url, '--dry-run');
    expect(exitCode).toBe(1);
    expect(stdout.split('\n')).toHaveLength(ROWS);
    expect(stderr).toContain(`${ROWS - HOPELESS.length} create, 0 update, 0 unchanged, ${HOPELESS.length} refused`);
    for (const [, id, column] of HOPELESS)
      expect(stdout).toMatch(new RegExp(`^${id}: refused; (meta\\.)?${column} `, 'm'));
    expect(stdout).toContain('old-15: create; required_tier "PRO" is now pro');
    expect(await count()).toBe(0);
  });

  it('writes nothing while a row is refused', async () => {
    const { exitCode, stderr } = await run('--from', source.url);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('--skip-refused');
    expect(await count()).toBe(0);
  });

  it('folds the thirteen columns into meta, and reads back that nothing was lost', async () => {
    const { exitCode, stdout, stderr } = await run('--from', source.url, '--skip-refused');
    expect(stderr).toContain('Read back: nothing was lost.');
    expect(stdout).not.toContain('LOST');
    expect(exitCode).toBe(1);
    expect(await count()).toBe(ROWS - HOPELESS.length);
    const rows = await query(
      target.url,
      `select m.*, v.change_reason from models m join model_versions v on v.model_id = m.id where m.id in ('old-17', 'old-22', 'old-19', 'old-20') order by m.id`,
    );
    expect(rows).toMatchObject([
      {
        id: 'old-17',
        is_legacy: false,
        created_at: new Date('2024-05-06T07:08:09Z'),
        change_reason: 'Imported from the older table of models',
        meta: { requiredTier: 'pro', tierRestrictionMode: 'whitelist', allowedTiers: ['pro', 'enterprise'] },
      },
      { id: 'old-19', meta: { providerMetadata: { imported: { allowed_tiers: ['free'] } } } },
      { id: 'old-20', meta: { providerMetadata: { imported: { icon_url: 'https://example.com/icon.png' } } } },
      {
        id: 'old-22',
        is_legacy: true,
        meta: {
          displayName: 'Old model 22',
          version: '1.22',
          capabilities: ['text', 'vision'],
          contextLength: 8_022,
          creditsPer1kTokens: 4.5,
        },
      },
    ]);
    for (const { meta } of await query<{ meta: unknown }>(
      target.url,
      `select meta from models where id like 'old-%'`,
    )) {
      expect(ModelMeta.safeParse(meta).success).toBe(true);
    }
  });

  it('changes nothing when it runs again', async () => {
    const { stderr } = await run('--from', source.url, '--skip-refused');
    expect(stderr).toContain(`0 create, 0 update, ${ROWS - HOPELESS.length} unchanged`);
    expect(
      await query(target.url, `select 1 from model_versions where model_id like 'old-%' and version_no > 1`),
    ).toEqual([]);
  });

  it('is taken back by its journal, but for what somebody changed since', async () => {
    const [journal] = readdirSync(join(folder, 'imports')).sort();
    await query(target.url, `update models set name = 'touched' where id = 'old-1'`);
    const { exitCode, stdout, stderr } = await run('--undo', join(folder, 'imports', journal!));
    expect(exitCode).toBe(1);
    expect(stdout).toBe('old-1: was changed since the import');
    expect(stderr).toContain(`0 restored, ${ROWS - HOPELESS.length - 1} archived, 1 left as they are.`);
    expect(await count('not is_archived')).toBe(1);
    expect((await run('--undo', join(folder, 'nothing.json'))).stderr).toContain('could not be read');
  });

  it('says what is wrong with its source', async () => {
    expect((await run()).stderr).toContain('Usage: npm run import:models');
    expect((await run('--from', target.url)).stderr).toContain('is not of the older shape: it lacks display_name');
    expect((await run('--from', 'nowhere')).stderr).toContain('--from must be a URL');
  });
});

describe('folding', () => {
  const ROW = {
    id: 'x',
    name: 'x',
    provider: 'openai',
    is_available: true,
    is_archived: false,
    display_name: 'X',
    description: null,
    version: null,
    capabilities: ['text'],
    context_length: 100,
    max_output_tokens: 10,
    input_cost_per_million_tokens: '2.5',
    output_cost_per_million_tokens: '10',
    credits_per_1k_tokens: '2.000',
    is_deprecated: true,
    required_tier: 'pro_max',
    tier_restriction_mode: 'exact',
    allowed_tiers: null,
  };

  it('takes costs in USD, and gives the row back', () => {
    const { model } = foldOlder(ROW, 'usd');
    expect(model?.meta).toMatchObject({ inputCostPerMillionTokens: 2_500, outputCostPerMillionTokens: 10_000 });
    expect(unfoldOlder(model!, 'usd')).toMatchObject({
      ...ROW,
      input_cost_per_million_tokens: 2.5,
      output_cost_per_million_tokens: 10,
      credits_per_1k_tokens: 2,
      allowed_tiers: [],
    });
  });

  it('notices each value that is lost', () => {
    const { model } = foldOlder(ROW, 'usd');
    expect(lostColumns(ROW, model!, 'usd')).toEqual([]);
    expect(lostColumns({ ...ROW, description: 'gone' }, model!, 'usd')).toEqual(['description']);
    expect(lostColumns({ ...ROW, icon: 'gone' }, model!, 'usd')).toEqual(['icon']);
    expect(lostColumns({ ...ROW, is_deprecated: false, credits_per_1k_tokens: 3 }, model!, 'usd')).toEqual([
      'is_deprecated',
      'credits_per_1k_tokens',
    ]);
    expect(lostColumns({ ...ROW, meta: { aliases: ['y'] } }, model!, 'usd')).toEqual(['meta.aliases']);
  });
});
