import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { newId } from '../../src/common/ids.js';
import { JobFailure } from '../../src/jobs/job-failure.entity.js';
import { JobFailureService } from '../../src/jobs/job-failure.service.js';
import type { QueueDefinition } from '../../src/jobs/queue/queue-worker.js';
import { WorkQueues } from '../../src/jobs/queue/work-queues.service.js';
import { Metrics } from '../../src/monitoring/metrics.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';
import { until } from '../support/until.js';

const QUEUE = 'spec';

describe('a work queue', () => {
  let database: TestDatabase;
  const started: TestApp[] = [];

  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    for (const server of started.splice(0)) await server.close();
    await database.drop();
  });

  async function start(handle: QueueDefinition['handle'], over: Partial<QueueDefinition> = {}, JOBS = 'on') {
    const server = await startTestApp({
      database,
      env: { JOBS },
      beforeInit: (app: NestFastifyApplication) =>
        app.get(WorkQueues).register({ name: QUEUE, concurrency: 2, runSecondsMax: 60, handle, ...over }),
    });
    started.push(server);
    return server;
  }

  const send = (server: TestApp, id: string, options = {}): Promise<void> =>
    server.app.get(WorkQueues).send(server.orm.em.fork(), QUEUE, { id }, options);

  async function jobs(server: TestApp, state: string): Promise<number> {
    const [row] = await server.orm.em
      .fork()
      .execute<{ count: number }[]>(
        `select count(*)::integer as count from pgboss.job where name = ? and state = ?::pgboss.job_state`,
        [QUEUE, state],
      );
    return row!.count;
  }

  it('has the jobs of committed transactions alone, hands each to one worker, and no more at once than may be', async () => {
    const handled: string[] = [];
    let atOnce = 0;
    let running = 0;
    const handle = async ({ id }: { id: string }): Promise<void> => {
      running += 1;
      atOnce = Math.max(atOnce, running);
      await sleep(20);
      running -= 1;
      handled.push(id);
    };
    const sender = await start(() => Promise.reject(new Error('it has no worker')), {}, 'off');
    const worker = await start(handle);
    const ids = Array.from({ length: 8 }, newId);
    for (const id of ids) await send(sender, id);
    const undone = sender.orm.em.fork().transactional(async (em) => {
      await sender.app.get(WorkQueues).send(em, QUEUE, { id: newId() });
      throw new Error('rolled back');
    });
    await expect(undone).rejects.toThrow('rolled back');
    await until(() => handled.length >= ids.length);
    expect([...handled].sort()).toEqual([...ids].sort());
    expect(atOnce).toBe(2);
    await until(async () => (await jobs(worker, 'completed')) === ids.length);
    expect(await jobs(worker, 'created')).toBe(0);
  });

  it('hands out by priority, then by age, and not before the time that was asked for', async () => {
    const handled: string[] = [];
    const sender = await start(() => Promise.resolve(), {}, 'off');
    await send(sender, 'first');
    await send(sender, 'urgent', { priority: 5 });
    await send(sender, 'last', { priority: -5 });
    await send(sender, 'tomorrow', { priority: 9, startAfter: new Date(Date.now() + 86_400_000) });
    const metrics = await sender.app.get(Metrics).text();
    expect(metrics).toContain(`tollgate_queue_jobs{queue="${QUEUE}",state="ready"} 3`);
    expect(metrics).toContain(`tollgate_queue_jobs{queue="${QUEUE}",state="delayed"} 1`);
    expect(metrics).toMatch(new RegExp(`tollgate_queue_oldest_ready_seconds{queue="${QUEUE}"} [\\d.]*[1-9]`));
    await start(
      ({ id }) => {
        handled.push(id);
        return Promise.resolve();
      },
      { concurrency: 1 },
    );
    await until(() => handled.length === 3);
    expect(handled).toEqual(['urgent', 'first', 'last']);
    expect(await jobs(sender, 'created')).toBe(1);
  });

  // Removed once: the zeros behind the question; who could not be asked was said to have nothing that waits.
  it('is left out of the metrics where it cannot be asked', async () => {
    const server = await start(() => Promise.resolve(), {}, 'off');
    await send(server, newId(), { startAfter: new Date(Date.now() + 60_000) });
    const metrics = () => server.app.get(Metrics).text();
    expect(await metrics()).toContain(`tollgate_queue_jobs{queue="${QUEUE}",state="ready"} 0`);
    await server.orm.em.fork().execute('alter table pgboss.job rename to away');
    expect(await metrics()).not.toContain('tollgate_queue_jobs{');
    expect(await metrics()).not.toContain('tollgate_queue_oldest_ready_seconds{');
  });

  it('runs as many jobs of one group over all processes as it may, and others beside them', async () => {
    const running = new Set<string>();
    const open: (() => void)[] = [];
    const handle = ({ id }: { id: string }): Promise<void> => {
      running.add(id);
      return new Promise((resolve) => open.push(resolve));
    };
    const limits = { concurrency: 4, groupConcurrency: 2 };
    const [one, other] = [await start(handle, limits), await start(handle, limits)];
    for (const id of ['a1', 'a2', 'a3', 'b1']) await send(one!, id, { group: id[0]! });
    await until(() => running.has('b1') && running.size === 3);
    await sleep(1_500); // longer than a worker's poll
    expect(running.size).toBe(3);
    open.splice(0).forEach((resolve) => resolve());
    await until(() => running.size === 4);
    open.splice(0).forEach((resolve) => resolve());
    await until(async () => (await jobs(other!, 'completed')) === 4);
  });

  // Removed once: that processes take jobs of groups one by one; each took both places.
  it('runs no more of a group than it may where processes look for jobs at the same moment', async () => {
    let running = 0;
    let letGo!: () => void;
    const isLetGo = new Promise<void>((resolve) => (letGo = resolve));
    const handle = (): Promise<void> => {
      running += 1;
      return isLetGo;
    };
    const sender = await start(handle, {}, 'off');
    const ids = Array.from({ length: 8 }, newId); // as many as both may look at
    for (const id of ids) await send(sender, id, { group: 'a' });
    await sender.orm.em.fork().execute(`
      create function held() returns trigger language plpgsql
        as 'begin perform pg_advisory_xact_lock_shared(1); return new; end';
      create trigger held before update on pgboss.job for each row
        when (new.name = '${QUEUE}' and new.state = 'active') execute function held()`);
    const holder = sender.orm.em.fork();
    await holder.begin();
    await holder.execute('select pg_advisory_xact_lock(1)');
    const limits = { concurrency: 4, groupConcurrency: 2 };
    await Promise.all([start(handle, limits), start(handle, limits)]);
    const looking = `select 1 from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`;
    await until(async () => (await sender.orm.em.fork().execute<unknown[]>(looking)).length === 2);
    await holder.rollback();
    await until(() => running >= 2);
    await sleep(1_500); // longer than a worker's poll
    expect(running).toBe(2);
    letGo();
    await until(async () => (await jobs(sender, 'completed')) === ids.length);
  });

  it('tries a failed job again, and an operator sees one that was given up', async () => {
    let attempts = 0;
    const server = await start(() => {
      attempts += 1;
      return attempts < 2 ? Promise.reject(new Error('no bread')) : Promise.resolve();
    });
    await send(server, newId());
    await until(async () => (await jobs(server, 'completed')) === 1);
    expect(attempts).toBe(2);

    attempts = -100;
    const hopeless = newId();
    await send(server, hopeless);
    await until(async () => (await jobs(server, 'retry')) === 1);
    await server.orm.em.fork().execute(`update pgboss.job set retry_limit = 0, retry_count = 10, start_after = now()`);
    await until(async () => (await server.orm.em.fork().count(JobFailure, { entityId: hopeless })) === 1);
    const failure = await server.orm.em.fork().findOneOrFail(JobFailure, { entityId: hopeless });
    expect(failure).toMatchObject({ job: QUEUE, reason: 'no bread', state: 'open', payload: { id: hopeless } });
  });

  // Removed once: the look for a job that is there; the work was done three times at once, and may be paid for each time.
  it('tries a job again once that was given up, however many operators ask for it at the same time', async () => {
    let isBroken = true;
    let runs = 0;
    const open: (() => void)[] = [];
    const handle = (): Promise<void> => {
      if (isBroken) return Promise.reject(new Error('no bread'));
      runs += 1;
      return new Promise((resolve) => open.push(resolve));
    };
    const server = await start(handle, { concurrency: 4 });
    const id = newId();
    await send(server, id);
    await until(async () => (await jobs(server, 'retry')) === 1);
    await server.orm.em.fork().execute(`update pgboss.job set retry_limit = 0, retry_count = 10, start_after = now()`);
    await until(async () => (await server.orm.em.fork().count(JobFailure, { entityId: id })) === 1);
    await until(async () => (await jobs(server, 'failed')) === 1);
    isBroken = false;
    const failure = await server.orm.em.fork().findOneOrFail(JobFailure, { entityId: id });
    const retry = () =>
      server.app.get(JobFailureService).retry(failure.id, { actorId: null, reason: null }, new Date());
    const retried = await server.orm.em.fork().transactional(async (em) => {
      await em.execute('select 1 from job_failures where id = ? for update', [failure.id]);
      const retrying = [retry(), retry(), retry()];
      // None has closed it, so none is told that there is nothing left to do.
      const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%job_failures%'`;
      await until(async () => (await server.orm.em.fork().execute<unknown[]>(waiting)).length === 3);
      return { retrying };
    });
    expect((await Promise.all(retried.retrying)).map(({ state }) => state)).toEqual(['retried', 'retried', 'retried']);
    await until(() => runs > 0);
    await sleep(1_500); // longer than a worker's poll
    expect(runs).toBe(1);
    open.forEach((resolve) => resolve());
    await until(async () => (await jobs(server, 'completed')) === 1);
  });

  // Removed once: the runs of a job beside each other; the second took the place of the first, and a third was taken up.
  it('runs no more at once than may be, also where a job comes again while it still runs', async () => {
    const open: (() => void)[] = [];
    const server = await start(() => new Promise((resolve) => open.push(resolve)));
    await send(server, newId());
    await until(() => open.length === 1);
    // As the supervisor does with the job of a worker that was not heard of for too long.
    await server.orm.em
      .fork()
      .execute(`update pgboss.job set state = 'retry', start_after = now() where name = ?`, [QUEUE]);
    await until(() => open.length === 2);
    await send(server, newId());
    await sleep(1_500); // longer than a worker's poll
    expect(open).toHaveLength(2);
    open[0]!();
    await until(() => open.length === 3);
    open.forEach((resolve) => resolve());
    await until(async () => (await jobs(server, 'completed')) === 2);
  });

  it('finishes what it runs before its process ends, and leaves the rest', async () => {
    const handled: string[] = [];
    const server = await start(
      async ({ id }) => {
        await sleep(400);
        handled.push(id);
      },
      { concurrency: 1 },
    );
    await send(server, 'runs');
    await send(server, 'waits');
    await until(async () => (await jobs(server, 'active')) === 1);
    await started.pop()?.close();
    expect(handled).toEqual(['runs']);
    const observer = await start(() => Promise.resolve(), {}, 'off');
    expect([await jobs(observer, 'completed'), await jobs(observer, 'created')]).toEqual([1, 1]);
  });
});
