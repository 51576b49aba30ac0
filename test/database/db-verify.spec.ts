import pg from 'pg';
import { withMaintenanceOrm } from '../../src/database/maintenance-orm.js';
import { describeSchema } from '../../src/database/schema-description.js';
import { type DatabaseReport, readContract, verifyDatabase } from '../../src/verify-database.js';
import { runCommandProcess } from '../support/server-process.js';
import { testConfig } from '../support/test-config.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase, testServerUrl } from '../support/test-server.js';

const NOW = new Date('2026-11-22T12:00:00Z');
/** A copy of a database does not carry its settings, as a restore does not. */
const SET_PATH = `do $$ begin execute format('alter database %I set search_path to public', current_database()); end $$`;

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** One database for all: each test leaves it mended, or the next finds what was left. */
describe('db:verify, damaged and mended again and again,', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    await query(database.url, SET_PATH);
  });
  afterAll(async () => {
    const { findings } = await verify();
    await database.drop();
    expect(findings).toEqual([]);
  });

  const verify = (): Promise<DatabaseReport> => verifyDatabase(testConfig({ DATABASE_URL: database.url }), NOW);

  it.each([
    ['a table', 'drop table recovery_codes', 'The table recovery_codes is missing.'],
    ['an index', 'drop index credits_open_index', 'The index credits.credits_open_index is missing.'],
    [
      'an index of a partitioned table',
      'drop index token_usage_ledger_hold_id_index',
      'The index token_usage_ledger.token_usage_ledger_hold_id_index is missing.',
    ],
    [
      'a foreign key',
      'alter table passkeys drop constraint passkeys_user_id_foreign',
      'The foreign key passkeys.passkeys_user_id_foreign is missing.',
    ],
    [
      'a unique key',
      'alter table passkeys drop constraint passkeys_credential_id_unique',
      'The key passkeys.passkeys_credential_id_unique is missing.',
    ],
    [
      'a check',
      'alter table credit_accounts drop constraint credit_accounts_amounts_check',
      'The check credit_accounts.credit_accounts_amounts_check is missing.',
    ],
    [
      'a trigger',
      'drop trigger credit_postings_append_only on credit_postings',
      'The trigger credit_postings.credit_postings_append_only is missing.',
    ],
    ['a column', 'alter table users drop column display_name', 'The column users.display_name is missing.'],
    ['a view', 'drop view usage_history', 'The view usage_history is missing.'],
    [
      'an enum label',
      `alter table oauth_clients alter column client_type type text; drop type oauth_client_type;
       create type oauth_client_type as enum ('public');
       alter table oauth_clients alter column client_type type oauth_client_type using client_type::oauth_client_type`,
      `The enum oauth_client_type is "'public'", and should be "'public', 'confidential'".`,
    ],
    ['a month', 'drop table credit_postings_2026_12', 'The partition credit_postings_2026_12 is missing.'],
    [
      'the partition for everything else',
      'drop table token_usage_ledger_default',
      'The partition token_usage_ledger_default is missing.',
    ],
    [
      'the trigger of a partition',
      'drop trigger credit_postings_2026_11_no_truncate on credit_postings_2026_11',
      'Nothing keeps the partition credit_postings_2026_11 from being truncated.',
    ],
  ])('finds that %s is missing, and how to mend it', async (_name, damage, message) => {
    await query(database.url, damage);
    const { findings } = await verify();
    expect(findings.map((finding) => finding.message)).toEqual([message]);
    await query(database.url, findings[0]!.mend.replace(/^[^]*An empty one: /, ''));
  });

  it.each([
    [
      'an extra index',
      'create index slow on users (display_name)',
      'The index users.slow is not in the contract: CREATE INDEX slow ON public.users USING btree (display_name)',
    ],
    ['an extra table', 'create table notes (n int)', 'The table notes is not in the contract: table'],
    ['an extra column', 'alter table users add notes text', 'The column users.notes is not in the contract: text'],
    [
      'an extra trigger',
      'create trigger mine before delete on users for each row execute function tollgate.refuse_change()',
      'The trigger users.mine is not in the contract: CREATE TRIGGER mine BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION tollgate.refuse_change()',
    ],
    [
      'an extra function',
      `create function tollgate.mine() returns int language sql as 'select 1'`,
      expect.stringContaining('The function tollgate.mine() is not in the contract'),
    ],
    ['an extra enum', `create type mine as enum ('a')`, `The enum mine is not in the contract: 'a'`],
    [
      'a changed cascade',
      `alter table period_closes drop constraint period_closes_user_id_foreign,
         add constraint period_closes_user_id_foreign foreign key (user_id) references users (id) on delete cascade`,
      'The foreign key period_closes.period_closes_user_id_foreign is "FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE", and should be "FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE RESTRICT".',
    ],
    [
      'a changed type',
      'alter table plans alter column trial_days type integer',
      'The column plans.trial_days is "integer not null default 0", and should be "smallint not null default 0".',
    ],
    [
      'a changed nullability and default',
      `alter table feedback alter column state drop not null, alter column state set default 'read'`,
      `The column feedback.state is "text default 'read'::text", and should be "text not null default 'new'::text".`,
    ],
    [
      'a changed index',
      'drop index credits_open_index; create index credits_open_index on credits (user_id)',
      expect.stringMatching(
        /^The index credits.credits_open_index is ".*", and should be ".*WHERE \(closed_at IS NULL\)"/,
      ),
    ],
    [
      'a trigger that is switched off',
      'alter table model_versions disable trigger model_versions_refuse_change',
      expect.stringContaining('(switched off)'),
    ],
    [
      'a changed fill factor',
      'alter table credit_accounts set (fillfactor = 100)',
      'The table credit_accounts is "table with (fillfactor=100)", and should be "table with (fillfactor=50)".',
    ],
    [
      'the search path that a restore lost',
      `do $$ begin execute format('alter database %I reset search_path', current_database()); end $$`,
      'The database setting search_path is missing.',
    ],
  ])('finds %s, and how to mend it', async (_name, damage, message) => {
    await query(database.url, damage);
    const { findings } = await verify();
    expect(findings.map((finding) => finding.message)).toEqual([message]);
    const statements = findings[0]!.mend.replace(/^If nobody needs [^:]*: /, '').split(/(?<=;) (?!end|execute)/);
    if (statements.includes('begin;')) await query(database.url, statements.join(' '));
    else for (const statement of statements) await query(database.url, statement);
  });
});

describe('db:verify', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase();
    await query(database.url, SET_PATH);
  });
  afterEach(() => database.drop());

  const verify = (env: Record<string, string> = {}): Promise<DatabaseReport> =>
    verifyDatabase(testConfig({ DATABASE_URL: database.url, ...env }), NOW);
  const messages = async (): Promise<string[]> => (await verify()).findings.map(({ message }) => message);

  it('finds nothing in a database that was just migrated and seeded, and changes nothing', async () => {
    const report = await verify();
    expect(report.findings).toEqual([]);
    expect(report.isSound).toBe(true);
    expect(report.checked.join('\n')).toMatch(/PostgreSQL \d+[^]* 0 pending, 0 unknown[^]*\d+ tables, \d+ columns/);
  });

  it('finds a function of the money engine whose text was changed, and says where the right one is', async () => {
    await query(
      database.url,
      `create or replace function tollgate.available(p_user uuid, p_now timestamptz) returns bigint language sql as 'select 1::bigint'`,
    );
    const { findings } = await verify();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      kind: 'function',
      problem: 'different',
      mend: expect.stringContaining('migrations/'),
    });
  });

  it('finds an index that a failed build left invalid', async () => {
    const [{ indexrelid }] = (await query(
      database.url,
      `update pg_index set indisvalid = false where indexrelid = 'credits_open_index'::regclass returning indexrelid`,
    )) as [{ indexrelid: number }];
    expect(indexrelid).toBeDefined();
    expect(await messages()).toEqual([expect.stringContaining('(invalid)')]);
  });

  it.each([
    ['plan', `delete from plans where tier = 'enterprise'`, 'plans enterprise'],
    ['client', `delete from oauth_clients where client_id = 'tollgate-cli'`, 'oauth_clients tollgate-cli'],
    ['model', `set session_replication_role = replica; delete from models where id = 'gpt-5'`, 'models gpt-5'],
  ])('finds a missing seed row: a %s', async (_name, damage, subject) => {
    await query(database.url, damage);
    const { findings } = await verify();
    expect(findings).toMatchObject([{ kind: 'seed row', problem: 'missing', subject, mend: 'npm run seed' }]);
  });

  it('expects sandbox models only where the sandbox is on', async () => {
    await query(database.url, `set session_replication_role = replica; delete from models where provider = 'sandbox'`);
    const { findings } = await verify();
    expect(findings.map(({ subject }) => subject)).toContain('models sandbox-echo');
    expect((await verify({ SANDBOX: '0' })).findings).toEqual([]);
  });

  it('tells a migration that a newer version applied', async () => {
    await query(
      database.url,
      `insert into mikro_orm_migrations (name) values ('Migration20991231000000_future'); create table future (n int)`,
    );
    expect(await messages()).toEqual([
      'A newer version of Tollgate applied Migration20991231000000_future, which this version does not know.',
      'The table future is not in the contract: table',
    ]);
  });

  it('tells a pending migration first, and then what is not as it should be because of it', async () => {
    await withMaintenanceOrm(testConfig({ DATABASE_URL: database.url }), async (orm) => {
      // One that makes columns; those after it may change rows alone.
      for (let name = ''; name !== 'Migration20261130190000_cancelled_generations';)
        name = (await orm.migrator.down())[0]!.name;
    });
    const { findings } = await verify();
    const pending = findings.filter(({ problem }) => problem === 'pending');
    expect(pending[0]).toMatchObject({ mend: 'npm run migrate' });
    expect(findings.slice(0, pending.length)).toEqual(pending);
    expect(findings.length).toBeGreaterThan(pending.length);
    const ofShape = new Set(['missing', 'different', 'extra']);
    expect(findings.slice(pending.length).filter(({ problem }) => !ofShape.has(problem))).toEqual([]);
  });

  it('tells an empty database by its pending migrations alone, and writes nothing to it', async () => {
    const empty = await createEmptyDatabase();
    try {
      const { findings } = await verifyDatabase(testConfig({ DATABASE_URL: empty.url }), NOW);
      expect(new Set(findings.map(({ problem }) => problem))).toEqual(new Set(['pending']));
      expect(await query(empty.url, `select from pg_class where relnamespace = 'public'::regnamespace`)).toEqual([]);
    } finally {
      await empty.drop();
    }
  });

  it('tells each table of a database that lost them all', async () => {
    await query(
      database.url,
      `do $$ declare name text; begin
         for name in select tablename from pg_tables where schemaname = 'public' and tablename <> 'mikro_orm_migrations'
         loop execute format('drop table if exists %I cascade', name); end loop; end $$`,
    );
    const { findings } = await verify();
    const missing = findings.filter(({ kind, problem }) => kind === 'table' && problem === 'missing');
    expect(missing).toHaveLength(Object.keys(readContract().tables).length);
    expect(missing[0]!.mend).toContain('Restore it from a backup');
  });

  it('tells a database whose record of migrations is gone', async () => {
    await query(database.url, 'drop table mikro_orm_migrations');
    expect(await messages()).toEqual(['There are tables, but no record of the migrations that made them.']);
  });

  it('tells when the pooler and the direct address lead to different databases', async () => {
    const { findings } = await verify({
      DATABASE_URL: testServerUrl('postgres'),
      DATABASE_DIRECT_URL: database.url,
    });
    expect(findings).toMatchObject([{ kind: 'connection', problem: 'different', subject: 'DATABASE_DIRECT_URL' }]);
  });
});

describe('the contract', () => {
  it('is what the migrations make; after a new one: npm run db:contract', async () => {
    const database = await createEmptyDatabase();
    try {
      const described = await withMaintenanceOrm(testConfig({ DATABASE_URL: database.url }), async (orm) => {
        await orm.migrator.up();
        return describeSchema(orm);
      });
      expect(described).toEqual(readContract());
    } finally {
      await database.drop();
    }
  });
});

describe('npm run db:verify', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    await query(database.url, SET_PATH);
  });
  afterAll(() => database.drop());

  const run = (args: string[], url = database.url) =>
    runCommandProcess('db-verify', args, {
      DATABASE_URL: url,
      KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      COOKIE_KEYS: 'x'.repeat(40),
    });

  it('ends with 0 when there is nothing to tell', async () => {
    expect(await run([])).toMatchObject({ exitCode: 0, stdout: 'The database is as this version needs it.' });
    const { exitCode, stdout } = await run(['--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ isSound: true, findings: [] });
  });

  it('ends with 1 and names each finding with its mend', async () => {
    await query(database.url, 'drop index credits_open_index; create index slow on users (display_name)');
    const { exitCode, stdout } = await run([]);
    expect(exitCode).toBe(1);
    expect(stdout.split('\n')).toEqual([
      'The index credits.credits_open_index is missing.',
      '    mend: CREATE INDEX CONCURRENTLY credits_open_index ON public.credits USING btree (user_id) WHERE (closed_at IS NULL);',
      'The index users.slow is not in the contract: CREATE INDEX slow ON public.users USING btree (display_name)',
      '    mend: If nobody needs it (it slows every write): drop index concurrently slow;',
      '2 findings: see above.',
    ]);
    const json = await run(['--json']);
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ isSound: false, findings: [{ kind: 'index' }, { kind: 'index' }] });
  });

  it.each([
    ['a server that is away', 'postgresql://tollgate:x@127.0.0.1:1/tollgate', 'No PostgreSQL answers at DATABASE_URL'],
    ['a database that is not there', testServerUrl('nowhere'), 'The database named in DATABASE_URL does not exist.'],
    [
      'a wrong password',
      Object.assign(new URL(testServerUrl('postgres')), { password: 'wrong' }).href,
      'refused the user or password',
    ],
  ])('tells %s in a sentence, without a stack', async (_name, url, message) => {
    const { exitCode, stdout, stderr } = await run([], url);
    expect(exitCode).toBe(1);
    expect(stdout + stderr).toContain(message);
    expect(stdout + stderr).not.toContain('    at ');
  });
});
