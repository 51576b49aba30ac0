import { MikroORM } from '@mikro-orm/postgresql';
import { isOutcomeUnknown } from '../../src/common/errors/passing-failure.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { SilentWay } from '../support/silent-way.js';
import { testConfig } from '../support/test-config.js';
import { administer, createTestDatabase, type TestDatabase } from '../support/test-server.js';

const POOL_SIZE = 2;
const KILL_ME = 'select pg_terminate_backend(pg_backend_pid())';

/** With the ORM's own driver, two transactions lost in a statement were enough: every later one waited for a connection in vain. */
describe('a transaction whose session the database ends', () => {
  let database: TestDatabase;
  let orm: MikroORM;

  beforeEach(async () => {
    database = await createTestDatabase();
    orm = await MikroORM.init(
      ormOptions(database.url, testConfig({ DATABASE_URL: database.url, DATABASE_POOL_SIZE: String(POOL_SIZE) })),
    );
  });

  afterEach(async () => {
    await orm.close();
    await database.drop();
  });

  const TRANSACTIONS: Record<string, () => Promise<unknown>> = {
    'lost in a statement': () => orm.em.fork().transactional((em) => em.execute(KILL_ME)),
    'lost between two statements': () =>
      orm.em.fork().transactional(async (em) => {
        const [row] = await em.execute<{ pid: number }[]>('select pg_backend_pid() as pid');
        await administer(`select pg_terminate_backend(${row?.pid}, 5000)`);
        await em.execute('select 1');
      }),
    'begun by hand': async () => {
      const em = orm.em.fork();
      await em.begin();
      try {
        await em.execute(KILL_ME);
      } finally {
        await em.rollback();
      }
    },
  };

  it.each(Object.entries(TRANSACTIONS))('gives its connection back: %s', async (_name, work) => {
    // More often than there are connections; then all of them are there.
    for (let round = 0; round <= POOL_SIZE; round += 1) await expect(work()).rejects.toThrow(/onnection|terminat/);
    const all = Array.from({ length: POOL_SIZE }, () =>
      orm.em.fork().transactional((em) => em.execute<{ one: number }[]>('select 1 as one, pg_sleep(0.05)')),
    );
    for (const rows of await Promise.all(all)) expect(rows[0]?.one).toBe(1);
  });
});

// Removed once: the watch. Statements then wait until the kernel gives up, a quarter of an hour later, and keep every connection of the pool.
describe('a database host that falls silent', () => {
  it('keeps no connection: statements end, with an outcome that is not known, and later ones reach the new host', async () => {
    const database = await createTestDatabase();
    const way = await SilentWay.to(database.url);
    const config = testConfig({ DATABASE_URL: way.url, DATABASE_POOL_SIZE: String(POOL_SIZE) });
    const orm = await MikroORM.init(ormOptions(way.url, config, true, 300));
    try {
      const ask = () => orm.em.fork().transactional((em) => em.execute<{ one: number }[]>('select 1 as one'));
      await Promise.all(Array.from({ length: POOL_SIZE }, ask));
      way.fallSilent();
      const lost = await Promise.allSettled(Array.from({ length: POOL_SIZE }, ask));
      for (const outcome of lost) {
        expect(outcome.status).toBe('rejected');
        expect(isOutcomeUnknown((outcome as PromiseRejectedResult).reason)).toBe(true);
      }
      expect((await ask())[0]?.one).toBe(1);
    } finally {
      await orm.close();
      await way.close();
      await database.drop();
    }
  });

  it('is told from one that takes its time: what is answered in time stays', async () => {
    const database = await createTestDatabase();
    const orm = await MikroORM.init(ormOptions(database.url, testConfig(), true, 2_000));
    try {
      const pid = () => orm.em.fork().execute<{ pid: number }[]>('select pg_backend_pid() as pid, pg_sleep(1.1)');
      const [[first], [second]] = [await pid(), await pid()];
      expect(first?.pid).toBe(second?.pid);
    } finally {
      await orm.close();
      await database.drop();
    }
  });
});
