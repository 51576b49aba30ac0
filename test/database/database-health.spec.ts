import { Logger } from '@nestjs/common';
import pg from 'pg';
import { DatabaseHealth } from '../../src/database/database-health.js';
import { SilentWay } from '../support/silent-way.js';
import { testConfig } from '../support/test-config.js';
import { administer, createTestDatabase, type TestDatabase, testServerUrl } from '../support/test-server.js';
import { until } from '../support/until.js';

describe('whether the database answers', () => {
  let database: TestDatabase;
  beforeAll(() => Logger.overrideLogger(false));
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(() => database.drop());

  it('is asked on one connection, whoever asks and however often', async () => {
    const health = new DatabaseHealth(testConfig({ DATABASE_URL: database.url }));
    try {
      for (let round = 0; round < 3; round += 1) {
        expect(new Set(await Promise.all(Array.from({ length: 20 }, () => health.isReachable())))).toEqual(
          new Set([true]),
        );
      }
      expect(await sessionsOf(database)).toBe(1);
    } finally {
      await health.onApplicationShutdown();
    }
    await until(async () => (await sessionsOf(database)) === 0);
  });

  it('is no while nobody is let in, and yes as soon as somebody is, whatever became of the sessions before', async () => {
    const health = new DatabaseHealth(testConfig({ DATABASE_URL: database.url }));
    const name = new URL(database.url).pathname.slice(1);
    try {
      expect(await health.isReachable()).toBe(true);
      await administer(`alter database ${name} allow_connections false`);
      await endSessions(name);
      expect(await health.isReachable()).toBe(false);
      expect(await health.isReachable()).toBe(false);
      await administer(`alter database ${name} allow_connections true`);
      expect(await health.isReachable()).toBe(true);
      await endSessions(name);
      expect(await health.isReachable()).toBe(true);
    } finally {
      await health.onApplicationShutdown();
    }
  });

  it('does not wait for ever for a host that falls silent', async () => {
    const way = await SilentWay.to(database.url);
    const health = new DatabaseHealth(testConfig({ DATABASE_URL: way.url }));
    try {
      expect(await health.isReachable()).toBe(true);
      way.fallSilent();
      expect(await health.isReachable()).toBe(true);
    } finally {
      await way.close();
      await health.onApplicationShutdown();
    }
  });
});

async function sessionsOf({ url }: TestDatabase): Promise<number> {
  const client = new pg.Client({ connectionString: testServerUrl('postgres') });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: number }>(
      'select count(*)::integer as count from pg_stat_activity where datname = $1',
      [new URL(url).pathname.slice(1)],
    );
    return rows[0]!.count;
  } finally {
    await client.end();
  }
}

async function endSessions(name: string): Promise<void> {
  await administer(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '${name}'`);
}
