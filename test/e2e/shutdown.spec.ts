import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { runCommandProcess, startServerProcess } from '../support/server-process.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';

const SECRETS = { KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'), COOKIE_KEYS: 'x'.repeat(40) };

describe('SIGTERM under load', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('lets a running request end and settles it, takes no new one, and exits with 0', async () => {
    const server = await startServerProcess({ DATABASE_URL: database.url, ...SECRETS });
    const env = { DATABASE_URL: database.url, PORT: new URL(server.url).port, ...SECRETS };
    const { stdout: token } = await runCommandProcess(
      'token',
      ['--email', 'demo@example.com', '--scope', 'llm.inference'],
      env,
    );
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
});
