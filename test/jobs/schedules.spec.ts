import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { type Job, JobRegistry } from '../../src/jobs/job-registry.js';
import { JobRun } from '../../src/jobs/job-run.entity.js';
import { JobScheduler } from '../../src/jobs/job-scheduler.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';
import { until } from '../support/until.js';

const HOUR_MS = 3_600_000;

describe('scheduled jobs', () => {
  let database: TestDatabase;
  const started: TestApp[] = [];

  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    for (const server of started.splice(0)) await server.close();
    await database.drop();
  });

  async function start(jobs: Job[], env: Record<string, string> = { JOBS: 'on' }): Promise<TestApp> {
    const server = await startTestApp({
      database,
      env,
      beforeInit: (app: NestFastifyApplication) => jobs.forEach((job) => app.get(JobRegistry).register(job)),
    });
    started.push(server);
    return server;
  }

  /** A job that counts its runs, and how many of them were under way at once. */
  function counter(name: string, cron = '0 0 1 1 *', runMs = 0): Job & { runs: number; atOnce: number } {
    let running = 0;
    const job = {
      name,
      cron,
      runs: 0,
      atOnce: 0,
      run: async () => {
        job.runs += 1;
        running += 1;
        job.atOnce = Math.max(job.atOnce, running);
        await sleep(runMs);
        running -= 1;
        return { runs: job.runs };
      },
    };
    return job;
  }

  async function scheduled(server: TestApp): Promise<string[]> {
    const rows = await server.orm.em
      .getConnection()
      .execute<{ line: string }[]>(
        `select name || ' ' || cron || ' ' || timezone as line from pgboss.schedule order by 1`,
      );
    return rows.map((row) => row.line);
  }

  it('tick by the queue in UTC, those that no longer exist do not', async () => {
    const first = await start([counter('of-yesterday', '5 4 * * *')]);
    expect(await scheduled(first)).toContain('of-yesterday 5 4 * * * UTC');
    await started.pop()?.close();

    const second = await start([counter('of-today', '17 3 * * *')]);
    const lines = await scheduled(second);
    expect(lines).toContain('of-today 17 3 * * * UTC');
    expect(lines).toContain('sweep-expired-holds * * * * * UTC');
    expect(lines.join()).not.toContain('of-yesterday');
  });

  // Removed once: the policy of the queue. Both replicas then run the job at once.
  it('have one runner over all replicas, however often they are woken', async () => {
    const job = counter('exclusive', '0 0 1 1 *', 300);
    const replicas = [await start([job]), await start([job])];
    await until(() => job.runs === 1); // a job that never ran is due at once
    await Promise.all(
      Array.from({ length: 6 }, (_, index) => replicas[index % 2]!.app.get(JobScheduler).wake('exclusive')),
    );
    await until(() => job.runs >= 2);
    await sleep(500);
    expect(job.atOnce).toBe(1);
    expect(job.runs).toBeLessThanOrEqual(3);
  });

  it('catch up at the start when a tick was missed, and only then', async () => {
    const job = counter('hourly', '0 * * * *');
    const server = await start([job]);
    await until(() => job.runs === 1);
    await started.pop()?.close();

    const again = counter('hourly', '0 0 1 1 *');
    const other = counter('witness');
    const restarted = await start([again, other]);
    await until(() => other.runs === 1);
    expect(again.runs).toBe(0);
    await restarted.orm.em
      .fork()
      .nativeUpdate(JobRun, { job: 'hourly' }, { finishedAt: new Date(Date.now() - 2 * HOUR_MS) });
    await started.pop()?.close();

    const afterDowntime = counter('hourly', '0 * * * *');
    await start([afterDowntime]);
    await until(() => afterDowntime.runs === 1);
    expect(server.url).not.toBe('');
  });

  // Removed once: what the queue does with ticks that nobody made. A nightly job was left out where the database was away at its minute.
  it('catch up with a tick that passed while the database was away, though their process ran on', async () => {
    const minute = new Date(Date.now() - HOUR_MS / 2).getUTCMinutes();
    const first = counter('hourly', `${minute} * * * *`);
    await start([first]);
    await until(() => first.runs === 1);
    await started.pop()?.close();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    // As if nobody had looked for two hours; the job itself was run since then, by an operator.
    await client.query(`update pgboss.version set cron_on = now() - interval '2 hours'`);
    await client.query(`update pgboss.schedule set created_on = now() - interval '1 day'`);
    await client.end();
    const again = counter('hourly', `${minute} * * * *`);
    await start([again]);
    await until(() => again.runs > 0);
    expect(again.runs).toBe(1);
  });

  it('fail visibly and are run again', async () => {
    let isBroken = true;
    const server = await start([
      {
        name: 'fragile',
        cron: '0 0 1 1 *',
        run: () => (isBroken ? Promise.reject(new Error('no bread')) : Promise.resolve({ eaten: 1 })),
      },
    ]);
    const last = () => server.orm.em.fork().findOne(JobRun, { job: 'fragile' });
    let run = await last();
    await until(() => {
      void last().then((found) => (run = found));
      return run?.outcome === 'failed';
    });
    expect(run?.reason).toBe('no bread');
    isBroken = false;
    await server.app.get(JobScheduler).wake('fragile');
    await until(() => {
      void last().then((found) => (run = found));
      return run?.outcome === 'completed';
    });
  });

  it('cost a process without JOBS nothing: the queue is not even there', async () => {
    const job = counter('idle');
    const server = await start([job], {});
    const [row] = await server.orm.em
      .getConnection()
      .execute<{ found: boolean }[]>(`select to_regnamespace('pgboss') is not null as found`);
    expect(row).toEqual({ found: false });
    expect(job.runs).toBe(0);
  });

  it('are told when their process stops, which waits for them', async () => {
    let isUnderWay = false;
    let hasEnded = false;
    const server = await start([
      {
        name: 'long',
        cron: '0 0 1 1 *',
        run: async (_now, signal) => {
          isUnderWay = true;
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          hasEnded = true;
          return {};
        },
      },
    ]);
    await until(() => isUnderWay);
    started.pop();
    await server.close();
    expect(hasEnded).toBe(true);
  });
});
