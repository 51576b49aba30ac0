import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { runCommandProcess, startServerProcess } from '../support/server-process.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';
import { until } from '../support/until.js';

const SECRETS = { KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'), COOKIE_KEYS: 'x'.repeat(40) };

describe('SIGTERM under load', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  async function tokenOf({ url }: { url: string }): Promise<string> {
    const env = { DATABASE_URL: database.url, PORT: new URL(url).port, ...SECRETS };
    const { stdout } = await runCommandProcess(
      'token',
      ['--email', 'demo@example.com', '--scope', 'llm.inference'],
      env,
    );
    return stdout;
  }

  it('lets a running request end and settles it, takes no new one, and exits with 0', async () => {
    const server = await startServerProcess({ DATABASE_URL: database.url, ...SECRETS });
    const token = await tokenOf(server);
    const ask = (model: string, stream: boolean): Promise<Response> =>
      fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'Hello '.repeat(200) }] }),
      });

    // The first answers only after the provider's time limit, well after the signal; the second is read only after it.
    const slow = ask('sandbox-timeout', false);
    const stream = await ask('sandbox-echo', true);
    await sleep(300);
    const ended = server.end();
    await sleep(100);

    const text = await stream.text();
    expect(text).toContain('data: [DONE]');
    expect((await slow).status).toBe(504);
    await expect(ask('sandbox-echo', false).then((response) => response.status)).rejects.toThrow();
    expect(await ended).toBe(0);

    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query<{ state: string; count: string }>(
      'select state, count(*) from credit_holds group by state order by state',
    );
    await client.end();
    expect(rows).toEqual([
      { state: 'settled', count: '1' },
      { state: 'voided', count: '1' },
    ]);
  });

  // Seen before: /health/ready said ok for as long as the stream ran, and every new call was refused, so that a load balancer sent them there.
  it('closes its port at once, while a stream goes on', async () => {
    const server = await startServerProcess({ DATABASE_URL: database.url, ...SECRETS });
    const token = await tokenOf(server);
    const slow = fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sandbox-timeout', messages: [{ role: 'user', content: 'Hello' }] }),
    });
    await until(async () => (await count(database, `select from credit_holds where state = 'pending'`)) > 0);
    const ended = server.end();
    await until(() => server.output().includes('Ending:'));
    for (const path of ['/health/ready', '/v1/models'])
      await expect(fetch(`${server.url}${path}`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    expect(server.child.exitCode).toBeNull();
    expect((await slow).status).toBe(504);
    expect(await ended).toBe(0);
  });

  // Seen before: the process waited for the rest until its time was over, and then ended without what it had counted and logged.
  it.each([
    ['headers', 'GET /health/live HTTP/1.1\r\nHost: x\r\n'],
    [
      'body',
      'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n\r\ng',
    ],
  ])('ends in order although a client never sends the rest of its %s', async (_what, sent) => {
    const server = await startServerProcess({ DATABASE_URL: database.url, ...SECRETS });
    const client = connect(Number(new URL(server.url).port), 'localhost');
    client.on('error', () => undefined);
    await once(client, 'connect');
    client.write(sent);
    await fetch(`${server.url}/health/live`);
    expect(await server.end()).toBe(0);
    expect(server.output()).toContain('Ended.');
    client.destroy();
  });
});

async function count({ url }: TestDatabase, sql: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rowCount ?? 0;
  } finally {
    await client.end();
  }
}
