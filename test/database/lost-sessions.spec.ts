import { MikroORM } from '@mikro-orm/postgresql';
import { ormOptions } from '../../src/mikro-orm.config.js';
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
