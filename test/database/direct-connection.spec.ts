import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDirectClient } from '../../src/database/direct-connection.js';
import { testConfig } from '../support/test-config.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';

/** A session is open within a few milliseconds: at some of these moments it is being opened. */
const MOMENTS = Array.from({ length: 60 }, (_, index) => index / 8);

describe('a session past the pool', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  // Removed once: the look for its end. At some moments the driver never settles, and whoever waits keeps what it took, such as an export its place.
  it('ends whenever nobody wants it any more, also while it is being opened', async () => {
    const config = testConfig({ DATABASE_URL: database.url });
    for (const moment of MOMENTS) {
      const leaving = new AbortController();
      const ended = withDirectClient(config, (client) => client.query('select pg_sleep(30)'), leaving.signal);
      const outcome = ended.then(
        () => 'done',
        () => 'failed',
      );
      const until = performance.now() + moment;
      while (performance.now() < until) await new Promise(setImmediate);
      leaving.abort();
      expect({ moment, outcome: await Promise.race([outcome, sleep(5_000, 'never ends')]) }).toEqual({
        moment,
        outcome: 'failed',
      });
    }
  });

  // On a host that loses its power nothing is closed. Seen with one: without the questions a session that waits for a statement waits for ever;
  // with them it ends with ETIMEDOUT after twenty seconds.
  it('has the kernel ask whether its host is still there', async () => {
    const { setKeepAlive } = Socket.prototype;
    const asked: unknown[] = [];
    Socket.prototype.setKeepAlive = function (this: Socket, ...terms: unknown[]) {
      asked.push(terms);
      return Reflect.apply(setKeepAlive, this, terms) as Socket;
    };
    try {
      await withDirectClient(testConfig({ DATABASE_URL: database.url }), (client) => client.query('select 1'));
    } finally {
      Socket.prototype.setKeepAlive = setKeepAlive;
    }
    expect(asked).toEqual([[true, 10_000]]);
  });
});
