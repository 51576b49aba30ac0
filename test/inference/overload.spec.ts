import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ProviderRegistry } from '../../src/inference/providers/provider-registry.js';
import { type Answer, type Caller, ChatBench, type ErrorBody, HELLO } from './chat-bench.js';
import { chunk, scriptedProvider, usageEvent } from './fakes.js';

/** Three connections, and little patience: what two hundred requests do to twenty connections, in a moment. */
const SCARCE = { DATABASE_POOL_SIZE: '3', DATABASE_POOL_TIMEOUT: '1000' };

describe('a database without room', () => {
  let bench: ChatBench;
  let outside: pg.Client;
  /** A second one, because a transaction sees the same list of connections until it ends. */
  let killer: pg.Client;

  beforeAll(async () => {
    bench = await ChatBench.start({ env: SCARCE });
    outside = new pg.Client({ connectionString: bench.server.database.url });
    killer = new pg.Client({ connectionString: bench.server.database.url });
    await Promise.all([outside.connect(), killer.connect()]);
  });

  afterAll(async () => {
    await Promise.all([outside.end(), killer.end()]);
    await bench.close();
  });

  /** Does `work` while another transaction has the caller's account. */
  async function whileLocked<Result>(caller: Caller, work: () => Promise<Result>): Promise<Result> {
    await outside.query('begin');
    await outside.query('select 1 from credit_accounts where user_id = $1 for update', [caller.userId]);
    try {
      return await work();
    } finally {
      await outside.query('rollback');
    }
  }

  async function killConnections(): Promise<void> {
    await killer.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'tollgate'`,
    );
  }

  function expectOverloaded(answer: Answer): void {
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.body['error'] as ErrorBody).toMatchObject({ code: 'overloaded', type: 'server_error' });
  }

  it('refuses what finds no connection in time, and holds and charges nothing for it', async () => {
    const caller = await bench.caller('enterprise');
    const sent = await whileLocked(caller, async () => {
      const answers = Array.from({ length: 12 }, () => caller.chat(HELLO));
      await sleep(1_500);
      return answers;
    });
    const answers = await Promise.all(sent);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(9);
    refused.forEach(expectOverloaded);
    expect(await caller.openHolds()).toBe(0);
    expect(await caller.ledger()).toHaveLength(3);
  });

  it('refuses a caller whom nobody could look up, as it refuses the others', async () => {
    const [busy, caller] = [await bench.caller('enterprise'), await bench.caller()];
    await whileLocked(busy, async () => {
      const waiting = Array.from({ length: 3 }, () => busy.chat(HELLO));
      await sleep(100);
      expectOverloaded(await caller.chat(HELLO));
      expectOverloaded(await caller.chat({ ...HELLO, stream: true }));
      void Promise.allSettled(waiting);
    });
    expect(await caller.openHolds()).toBe(0);
    expect(await caller.ledger()).toEqual([]);
  });

  it('survives the loss of its connections, in use and idle, and leaves nothing held', async () => {
    const caller = await bench.caller('enterprise');
    const lost = await whileLocked(caller, async () => {
      const answers = [caller.chat(HELLO), caller.chat({ ...HELLO, stream: true })];
      await sleep(150);
      await killConnections();
      return Promise.all(answers);
    });
    lost.forEach(expectOverloaded);
    expect((await caller.chat(HELLO)).status).toBe(200);
    await killConnections();
    await sleep(50);
    expect((await caller.chat(HELLO)).status).toBe(200);
    expect(await caller.openHolds()).toBe(0);
    expect(await caller.ledger()).toHaveLength(2);
  });

  it('charges a stream later whose settlement it lost', async () => {
    const caller = await bench.caller('enterprise');
    const registry = bench.server.app.get(ProviderRegistry);
    const original = registry.routeOf;
    let answer!: Promise<Answer>;
    await new Promise<void>((resolve) => {
      const events = (async function* () {
        yield chunk('Hel');
        resolve();
        await sleep(200);
        yield usageEvent();
      })();
      registry.routeOf = () => ({ provider: scriptedProvider({ events }), isSandbox: false });
      answer = caller.chat({ ...HELLO, stream: true });
    });
    registry.routeOf = original;
    const seen = await whileLocked(caller, async () => {
      let isAnswered = false;
      const answered = answer.finally(() => (isAnswered = true));
      while (!isAnswered) {
        await killConnections();
        await sleep(60);
      }
      return (await answered).body['text'] as string;
    });
    // The pool has to notice the last loss before the test asks through it.
    await sleep(100);
    expect(seen).toContain('"code":"overloaded"');
    expect(seen).not.toContain('[DONE]');
    expect(await caller.settled()).toMatchObject([{ input_tokens: 9, output_tokens: 4, usage_source: 'provider' }]);
  });
});
