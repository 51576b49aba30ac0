import type { EntityManager } from '@mikro-orm/postgresql';
import type { Notifications } from '../../database/notifications.js';
import { FeatureFlags } from './feature-flags.service.js';

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('what a process knows of the flags', () => {
  it('is what was read last, whichever reading takes longer', async () => {
    const readings: ((percent: number) => void)[] = [];
    const find = () =>
      new Promise((resolve) => {
        readings.push((percent) => resolve([{ key: 'new_search', isEnabled: true, percent, tiers: [], userIds: [] }]));
      });
    let hear = (): void => undefined;
    const listen = (_channel: string, handler: () => void) => {
      hear = handler;
      return Promise.resolve();
    };
    const flags = new FeatureFlags(
      { fork: () => ({ find }) } as unknown as EntityManager,
      { listen } as unknown as Notifications,
    );
    const flag = flags.define({ key: 'new_search', description: 'A new search', isOnByDefault: false });
    const began = flags.onApplicationBootstrap();
    await settled();
    readings.shift()!(0);
    await began;

    hear(); // of a change to 0, whose reading is slow
    await settled();
    const [slow] = readings.splice(0);
    hear(); // of a change to 100
    await settled();
    for (const quick of readings.splice(0)) quick(100);
    await settled();
    slow!(0);
    await settled();
    for (const next of readings.splice(0)) next(100);
    await settled();
    expect(flag.isOn({ userId: null })).toBe(true);

    const stopped = flags.onApplicationShutdown();
    await settled();
    for (const last of readings.splice(0)) last(100);
    await stopped;
  });
});
