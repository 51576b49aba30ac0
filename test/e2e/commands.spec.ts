import pg from 'pg';
import { runCommandProcess, type CommandResult } from '../support/server-process.js';
import { createEmptyDatabase, type TestDatabase } from '../support/test-server.js';

describe('the command line', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createEmptyDatabase();
  });
  afterAll(() => database.drop());

  const secrets = { KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'), COOKIE_KEYS: 'x'.repeat(40) };
  const run = (name: string, ...args: string[]): Promise<CommandResult> =>
    runCommandProcess(name, args, { DATABASE_URL: database.url, ...secrets });

  async function execute(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  it('migrates up, down one step, and up again', async () => {
    expect((await run('migrate')).stdout).toMatch(/^Applied \d+ migrations\.$/);
    expect((await run('migrate')).stdout).toBe('The database is up to date.');
    expect((await run('migrate-down')).stdout).toMatch(/^Took back Migration\d+_\w+\.$/);
    expect((await run('migrate')).stdout).toBe('Applied 1 migrations.');
  });

  it('seeds once, and shows the passwords of the accounts it made once', async () => {
    const first = await run('seed');
    expect(first.stdout).toMatch(/demo@example\.com {2}\S{12,}.*\nadmin@example\.com {2}\S{12,}/);
    const second = await run('seed');
    expect(second).toMatchObject({ exitCode: 0, stdout: 'Seeded.' });
  });

  it('prints a token and nothing else', async () => {
    const { stdout, exitCode } = await run('token', '--email', 'demo@example.com', '--scope', 'user.info');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it.each([
    [['--email', 'nobody@example.com', '--scope', 'user.info'], 'There is no user nobody@example.com.'],
    [['--email', 'demo@example.com', '--scope', 'user.info everything'], 'Unknown scope: everything.'],
    [['--email', 'demo@example.com'], '--email and --scope are needed.'],
    [['--mail', 'demo@example.com'], "Unknown option '--mail'"],
  ])('says what is wrong with token %j, without a stack', async (args, message) => {
    const { exitCode, stdout, stderr } = await run('token', ...args);
    expect(exitCode).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });

  it('creates an operator with a password shown once, and promotes a user', async () => {
    expect((await run('admin', '--email', 'operator@example.com')).stdout).toMatch(/Password \(shown once\): \S{12,}$/);
    expect((await run('admin', '--email', 'demo@example.com')).stdout).toBe('demo@example.com is an operator.');
    expect((await run('admin', '--email', 'no address')).stderr).toContain('is no e-mail address');
  });

  it('rotates the signing keys, one rotation at a time', async () => {
    expect((await run('keys-rotate')).stdout).toContain('New keys are published.');
    expect((await run('keys-rotate')).stdout).toContain('A rotation is under way already');
    expect((await run('keys-rotate', '--emergency')).stdout).toContain('New keys sign from now on.');
  });

  it('forgets failed sign-ins of a user or from an address', async () => {
    const nothing = { exitCode: 0, stdout: 'Nothing was counted there, so nothing blocks.' };
    expect(await run('unblock', '--email', 'demo@example.com')).toMatchObject(nothing);
    expect(await run('unblock', '--ip', '192.0.2.1')).toMatchObject(nothing);
    expect((await run('unblock', '--ip', 'here')).stderr).toContain('"here" is no IP address.');
    expect((await run('unblock')).stderr).toContain('Either --email or --ip is needed.');
  });

  it('finds that the books balance', async () => {
    const { exitCode, stdout } = await run('reconcile');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^The books balance \(\d+ checks\)\.$/);
  });

  it('archives old months, of which a dry run only tells', async () => {
    const told = await run('archive', '--months', '9', '--dry-run');
    expect(told.stdout).toMatch(
      /^audit_trail 2026-01 {2}\d+ bytes\n[^]*\n\d+ partitions would be archived; nothing was moved\.$/,
    );
    const done = await run('archive', '--months', '9');
    expect(done.stdout).toMatch(/^audit_trail 2026-01 {2}0 rows {2}\d+ bytes\n/);
    const count = /(\d+) partitions would/.exec(told.stdout)?.[1];
    expect(done.stdout).toMatch(new RegExp(`\n${count} partitions archived\\.$`));
  });

  it('brings an archived month back, and no other', async () => {
    expect((await run('archive', '--restore', '2026-01')).stdout).toMatch(/\n3 partitions brought back\.$/);
    const unknown = await run('archive', '--restore', '1999-01');
    expect(unknown).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('"1999-01" is no month of the archive.'),
    });
    expect((await run('archive', '--months', '2')).stderr).toContain('--months must be a whole number from 3 on.');
  });

  it('makes the hourly sums again', async () => {
    expect(await run('usage-rebuild')).toMatchObject({
      exitCode: 0,
      stdout: 'The hourly sums equal the ledger again: 0 rows.',
    });
  });

  it('empties the database on request, in production only by force', async () => {
    const production = {
      DATABASE_URL: database.url,
      ...secrets,
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://llm.example.com',
    };
    const refused = await runCommandProcess('db-reset', [], production);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('nothing was changed') });
    expect((await run('token', '--email', 'operator@example.com', '--scope', 'admin')).exitCode).toBe(0);

    // Under the time limit of requests a large database could not be emptied.
    await execute(`
      create schema watch;
      create function watch.limits() returns event_trigger language plpgsql as
        $$ begin if current_setting('transaction_timeout') <> '0' then raise exception 'there is a limit'; end if; end $$;
      create event trigger watch on ddl_command_start when tag in ('DROP SCHEMA') execute function watch.limits()`);
    const done = await run('db-reset');
    expect(done.stderr).not.toContain('there is a limit');
    expect(done.exitCode).toBe(0);
    expect(done.stdout).toMatch(/demo@example\.com {2}\S{12,}/);
    expect((await run('token', '--email', 'operator@example.com', '--scope', 'admin')).exitCode).toBe(1);
  });

  it.each(['token', 'db-reset'])('explains %s with --help', async (name) => {
    const { exitCode, stdout } = await run(name, '--help');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Usage: npm run /);
  });
});
