import pg from 'pg';
import { pageQuery, type ModelFilter } from '../../src/models/model-page-query.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';

const MODELS = 5_000;

describe('the table of models', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(
      `insert into models (id, name, provider, is_available, is_legacy, is_archived, meta)
       select 'filler-' || i, 'filler', case when i % 500 = 0 then 'rare' else 'common' end, i % 250 <> 0, i % 250 = 1, i % 250 = 2,
              jsonb_build_object('displayName', 'Filler', 'requiredTier', case when i % 500 = 0 then 'enterprise' else 'pro' end,
                'capabilities', case when i % 500 = 0 then '["embedding"]'::jsonb else '["text","chat"]'::jsonb end,
                'parameterConstraints', jsonb_build_object('temperature',
                  jsonb_build_object('supported', true, 'max', case when i % 500 = 0 then 0.5 else 2 end)))
       from generate_series(1, $1::int) i`,
      [MODELS],
    );
    await client.query('vacuum analyze models');
  });

  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  async function indexesUsed(query: string): Promise<string[]> {
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${query}`);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    return [...plan.matchAll(/(?:using|Index Scan on) (idx_\w+|models_pkey)/g)].map(([, name]) => name!);
  }

  it('has exactly nine columns, none of them nullable', async () => {
    const { rows } = await client.query(
      `select column_name, data_type, character_maximum_length as length, is_nullable, column_default from information_schema.columns
        where table_name = 'models' order by ordinal_position`,
    );
    expect(rows).toEqual([
      { column_name: 'id', data_type: 'character varying', length: 100, is_nullable: 'NO', column_default: null },
      { column_name: 'name', data_type: 'character varying', length: 255, is_nullable: 'NO', column_default: null },
      { column_name: 'provider', data_type: 'character varying', length: 100, is_nullable: 'NO', column_default: null },
      { column_name: 'is_available', data_type: 'boolean', length: null, is_nullable: 'NO', column_default: 'true' },
      { column_name: 'is_legacy', data_type: 'boolean', length: null, is_nullable: 'NO', column_default: 'false' },
      { column_name: 'is_archived', data_type: 'boolean', length: null, is_nullable: 'NO', column_default: 'false' },
      { column_name: 'meta', data_type: 'jsonb', length: null, is_nullable: 'NO', column_default: null },
      {
        column_name: 'created_at',
        data_type: 'timestamp with time zone',
        length: null,
        is_nullable: 'NO',
        column_default: 'now()',
      },
      {
        column_name: 'updated_at',
        data_type: 'timestamp with time zone',
        length: null,
        is_nullable: 'NO',
        column_default: 'now()',
      },
    ]);
  });

  it('has the indexes that are promised', async () => {
    const { rows } = await client.query<{ indexname: string; definition: string }>(
      `select indexname, regexp_replace(indexdef, '^.* USING ', '') as definition from pg_indexes where tablename = 'models'`,
    );
    expect(Object.fromEntries(rows.map(({ indexname, definition }) => [indexname, definition]))).toEqual({
      models_pkey: 'btree (id)',
      idx_models_meta_gin: 'gin (meta)',
      idx_models_meta_required_tier: `btree (((meta ->> 'requiredTier'::text)))`,
      idx_models_meta_capabilities: `gin (((meta -> 'capabilities'::text)))`,
      idx_models_is_available: 'btree (is_available)',
      idx_models_is_legacy: 'btree (is_legacy)',
      idx_models_is_archived: 'btree (is_archived)',
      idx_models_provider: 'btree (provider)',
      idx_models_is_available_is_archived: 'btree (is_available, is_archived)',
    });
  });

  it.each([
    [
      'idx_models_meta_gin',
      `select id from models where meta @> '{"parameterConstraints": {"temperature": {"max": 0.5}}}'`,
    ],
    ['idx_models_meta_required_tier', `select id from models where meta->>'requiredTier' = 'enterprise'`],
    ['idx_models_meta_capabilities', `select id from models where meta->'capabilities' @> '["embedding"]'`],
    ['idx_models_is_legacy', 'select id from models where is_legacy'],
    ['idx_models_is_archived', 'select id from models where is_archived'],
    ['idx_models_provider', `select id from models where provider = 'rare'`],
  ])('serves a selective query by %s', async (index, query) => {
    expect(await indexesUsed(query)).toEqual([index]);
  });

  it.each<[string, ModelFilter]>([
    ['idx_models_meta_required_tier', { tier: 'enterprise' }],
    ['idx_models_meta_capabilities', { capability: 'embedding' }],
    ['idx_models_provider', { provider: 'rare' }],
    ['idx_models_is_archived', { lifecycle: 'archived' }],
  ])('serves a filter of the console’s list by %s', async (index, filter) => {
    const { sql, parameters } = pageQuery(filter, { sort: 'id', limit: 50 });
    const values = [...parameters];
    const inlined = sql.replaceAll('?', () => pg.escapeLiteral(String(values.shift())));
    expect(await indexesUsed(inlined)).toEqual([index]);
  });

  it('serves the unavailable models by their own index where the composite one is missing', async () => {
    await client.query('begin');
    try {
      await client.query('drop index idx_models_is_available_is_archived');
      expect(await indexesUsed('select id from models where not is_available')).toEqual(['idx_models_is_available']);
    } finally {
      await client.query('rollback');
    }
  });

  it('serves the unavailable ones among few that are not archived by the composite index', async () => {
    await client.query('begin');
    try {
      await client.query(`update models set is_available = right(id, 1) <> '0', is_archived = right(id, 2) <> '00'`);
      await client.query('analyze models');
      const used = await indexesUsed('select id from models where not is_available and not is_archived');
      expect(used).toEqual(['idx_models_is_available_is_archived']);
    } finally {
      await client.query('rollback');
    }
  });

  it('refuses a meta that is no object', async () => {
    await expect(
      client.query(`insert into models (id, name, provider, meta) values ('x', 'x', 'x', '[]')`),
    ).rejects.toThrow('models_meta_check');
  });

  it('knows the capabilities as an enum', async () => {
    const { rows } = await client.query<{ labels: string[] }>(
      `select enum_range(null::model_capability)::text[] as labels`,
    );
    expect(rows[0]?.labels).toEqual([
      'text',
      'chat',
      'vision',
      'function_calling',
      'code',
      'long_context',
      'embedding',
    ]);
  });

  it('gives preferences up when their model goes, and keeps models that have versions', async () => {
    const { rows } = await client.query<{ conname: string; confdeltype: string }>(
      `select conname, confdeltype from pg_constraint where contype = 'f' and (confrelid = 'models'::regclass or conrelid in
        ('model_versions'::regclass, 'model_tier_audit_logs'::regclass)) and conrelid in
        ('user_preferences'::regclass, 'model_versions'::regclass, 'model_tier_audit_logs'::regclass) order by conname`,
    );
    expect(Object.fromEntries(rows.map(({ conname, confdeltype }) => [conname, confdeltype]))).toEqual({
      model_tier_audit_logs_actor_id_foreign: 'r',
      model_tier_audit_logs_model_id_foreign: 'r',
      model_versions_changed_by_foreign: 'r',
      model_versions_model_id_foreign: 'r',
      user_preferences_default_model_id_foreign: 'n',
    });
  });
});
