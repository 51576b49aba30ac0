import { Logger } from '@nestjs/common';
import { MikroORM } from '@mikro-orm/postgresql';
import { WallClock } from '../../src/common/clock.js';
import { type Job, JobRegistry } from '../../src/jobs/job-registry.js';
import { JobNotFoundError } from '../../src/jobs/jobs.errors.js';
import { JobRun } from '../../src/jobs/job-run.entity.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { testConfig } from '../support/test-config.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';

const NOW = new Date('2026-06-01T00:00:00.000Z');

describe('the registry of jobs', () => {
  let database: TestDatabase;
  let orm: MikroORM;
  let registry: JobRegistry;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
    orm = await MikroORM.init(ormOptions(database.url, testConfig()));
  });
  beforeEach(() => {
    registry = new JobRegistry(orm.em, new WallClock());
  });
  afterAll(async () => {
    await orm.close();
    await database.drop();
  });

  function add(name: string, run: Job['run'] = () => Promise.resolve({ done: 1 })): void {
    registry.register({ name, cron: '* * * * *', run });
  }
  const lastRun = (job: string) => orm.em.fork().findOne(JobRun, { job });

  it('runs a job at the time it is given and answers with its counts', async () => {
    let ranAt: Date | undefined;
    add('count-sheep', (now) => {
      ranAt = now;
      return Promise.resolve({ sheep: 3 });
    });
    await expect(registry.runNow('count-sheep', NOW)).resolves.toEqual({ sheep: 3 });
    expect(ranAt).toEqual(NOW);
    expect(await lastRun('count-sheep')).toMatchObject({
      outcome: 'completed',
      ranAt: NOW,
      summary: { sheep: 3 },
      reason: null,
    });
  });

  it('records a failed run with its reason, and forgets it with the next good one', async () => {
    let isBroken = true;
    add('fragile', () => (isBroken ? Promise.reject(new Error('no bread')) : Promise.resolve({ eaten: 1 })));
    await expect(registry.runNow('fragile', NOW)).rejects.toThrow('no bread');
    expect(await lastRun('fragile')).toMatchObject({ outcome: 'failed', reason: 'no bread', summary: {} });
    isBroken = false;
    await registry.runNow('fragile', NOW);
    expect(await lastRun('fragile')).toMatchObject({ outcome: 'completed', reason: null });
  });

  it('runs all in their order, whichever fails', async () => {
    const order: string[] = [];
    for (const name of ['first', 'second', 'third']) {
      add(name, () => {
        order.push(name);
        return name === 'second' ? Promise.reject(new Error('broken')) : Promise.resolve({ [name]: 1 });
      });
    }
    await expect(registry.runAll(NOW)).resolves.toEqual({
      first: { first: 1 },
      second: { failed: 1 },
      third: { third: 1 },
    });
    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('names those that exist when asked for another', async () => {
    add('wash');
    add('iron');
    const refusal = await registry.runNow('fold', NOW).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(JobNotFoundError);
    expect((refusal as JobNotFoundError).message).toContain('wash, iron');
  });

  it('takes a name once, and no name that a queue could not have', () => {
    add('wash');
    expect(() => add('wash')).toThrow('registered twice');
    expect(() => add('Wash Cold')).toThrow('no name for a job');
  });

  it('tells a running job that the process stops, and waits for it', async () => {
    let hasEnded = false;
    add('long', async (_now, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      hasEnded = true;
      return {};
    });
    const run = registry.runNow('long', NOW);
    await registry.onModuleDestroy();
    expect(hasEnded).toBe(true);
    await run;
  });

  // Removed once: the look whether the process stops. A nightly job that a deploy had cut off was a failed one until the next night.
  it('does not take a run for a failed one, or for one that was made, that the end of the process has cut off', async () => {
    add('nightly', async (_now, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw new Error('Connection terminated');
    });
    const run = registry.runNow('nightly', NOW);
    await Promise.all([registry.onModuleDestroy(), expect(run).rejects.toThrow('Connection terminated')]);
    expect(await lastRun('nightly')).toBeNull();
  });
});
