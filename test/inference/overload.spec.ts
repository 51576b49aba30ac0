import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ProviderRegistry } from '../../src/inference/providers/provider-registry.js';
import { type Answer, type Caller, ChatBench, type ErrorBody, HELLO } from './chat-bench.js';
import { chunk, scriptedProvider, usageEvent } from './fakes.js';

/** Three connections, two places to wait for a batch, and little patience: what a storm does to a whole server, in a moment. */
const SCARCE = { DATABASE_POOL_SIZE: '3', DATABASE_POOL_TIMEOUT: '1000', BATCH_QUEUE_MAX: '2' };

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

  /** Connections of the server that wait for a lock, once there are any. */
  async function waitingForLocks(): Promise<number> {
    for (;;) {
      const { rowCount } = await killer.query(
        `select 1 from pg_stat_activity
         where datname = current_database() and application_name = 'tollgate' and wait_event_type = 'Lock'`,
      );
      if (rowCount) return rowCount;
      await sleep(10);
    }
  }

  /** Kills connections until `work` has given up. */
  async function killUntil<Result>(work: Promise<Result>): Promise<Result> {
    let isOver = false;
    const over = work.finally(() => (isOver = true));
    while (!isOver) {
      await killConnections();
      await sleep(60);
    }
    // The pool has to notice the last loss before the test asks through it.
    await sleep(100);
    return over;
  }

  function expectOverloaded(answer: Answer): void {
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.body['error'] as ErrorBody).toMatchObject({ code: 'overloaded', type: 'server_error' });
  }

  /** Fails when the queue has no limit. */
  it('refuses what finds no place to wait, and holds and charges nothing for it', async () => {
    const caller = await bench.caller('enterprise');
    const answers = await whileLocked(caller, async () => {
      const first = caller.chat(HELLO);
      await waitingForLocks();
      let refusals = 0;
      const others = Array.from({ length: 11 }, () => caller.chat(HELLO).finally(() => (refusals += 1)));
      while (refusals < 9) await sleep(10);
      return [first, ...others];
    }).then((sent) => Promise.all(sent));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(9);
    refused.forEach(expectOverloaded);
    expect(await caller.openHolds()).toBe(0);
    expect(await caller.ledger()).toHaveLength(3);
  });

  /** Fails when each request takes a connection of its own. */
  it('gives an account that is busy one connection, and serves everybody else', async () => {
    const [busy, caller] = [await bench.caller('enterprise'), await bench.caller()];
    const waiting = await whileLocked(busy, async () => {
      // One in flight and one that waits: there is still a place for somebody else.
      const chats = Array.from({ length: 2 }, () => busy.chat(HELLO));
      expect(await waitingForLocks()).toBe(1);
      expect((await caller.chat(HELLO)).status).toBe(200);
      await sleep(100);
      expect(await waitingForLocks()).toBe(1);
      return chats;
    });
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('refuses what finds no connection in time', async () => {
    const caller = await bench.caller();
    const taken = Array.from({ length: 3 }, () => bench.server.orm.em.fork());
    await Promise.all(taken.map((em) => em.begin()));
    expectOverloaded(await caller.chat(HELLO));
    expectOverloaded(await caller.chat({ ...HELLO, stream: true }));
    await Promise.all(taken.map((em) => em.rollback()));
    expect(await caller.openHolds()).toBe(0);
    expect(await caller.ledger()).toEqual([]);
  });

  /** Fails when a batch that lost its connection is not run again. */
  it('survives the loss of its connections, in use and idle', async () => {
    const caller = await bench.caller('enterprise');
    const lost = await whileLocked(caller, async () => {
      const answers = [caller.chat(HELLO), caller.chat({ ...HELLO, stream: true })];
      await waitingForLocks();
      await killConnections();
      await waitingForLocks();
      return answers;
    });
    expect((await Promise.all(lost)).map(({ status }) => status)).toEqual([200, 200]);
    await killConnections();
    await sleep(50);
    expect((await caller.chat(HELLO)).status).toBe(200);
    await Promise.all([caller.settled(), sleep(50)]);
    expect(await caller.openHolds()).toBe(0);
    expect(await caller.ledger()).toHaveLength(3);
  });

  it('refuses what loses its connection again and again, and leaves nothing held', async () => {
    const caller = await bench.caller('enterprise');
    const lost = await whileLocked(caller, () =>
      killUntil(Promise.all([caller.chat(HELLO), caller.chat({ ...HELLO, stream: true })])),
    );
    lost.forEach(expectOverloaded);
    expect((await caller.chat(HELLO)).status).toBe(200);
    expect(await caller.openHolds()).toBe(0);
    expect(await caller.ledger()).toHaveLength(1);
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
    const { body } = await whileLocked(caller, () => killUntil(answer));
    const seen = body['text'] as string;
    expect(seen).toContain('"code":"overloaded"');
    expect(seen).not.toContain('[DONE]');
    expect(await caller.settled()).toMatchObject([{ input_tokens: 9, output_tokens: 4, usage_source: 'provider' }]);
  });
});
