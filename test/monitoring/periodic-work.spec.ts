import { setTimeout as sleep } from 'node:timers/promises';
import { PeriodicWork } from '../../src/monitoring/periodic-work.js';
import { until } from '../support/until.js';

describe('work that is done every so often', () => {
  /** Work that is under way for the first time, and what lets it go on. */
  async function begun() {
    const { promise, resolve: goOn } = Promise.withResolvers<void>();
    let runs = 0;
    const work = new PeriodicWork(1, () => {
      runs += 1;
      return promise;
    });
    work.start();
    await until(() => runs === 1);
    return { work, goOn, runs: () => runs };
  }

  // Removed once: the wait for what is under way, and that it is the last time.
  it.each([
    ['halt', 1],
    ['stop', 2],
  ] as const)('comes to its end where it is told to %s, and is done %i times in all', async (how, times) => {
    const { work, goOn, runs } = await begun();
    let isEnded = false;
    const ending = work[how]().then(() => (isEnded = true));
    await sleep(20);
    expect([isEnded, runs()]).toEqual([false, 1]);
    goOn();
    await ending;
    await sleep(20);
    expect(runs()).toBe(times);
  });

  it('has nothing to finish where it never began', async () => {
    let runs = 0;
    const work = new PeriodicWork(1, () => Promise.resolve(void (runs += 1)));
    await Promise.all([work.halt(), work.stop()]);
    expect(runs).toBe(0);
  });
});
