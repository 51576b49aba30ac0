import fc from 'fast-check';
import { flagReason, type FlagState, isOnFor, shareOf } from './feature-flag.js';

const state = (over: Partial<FlagState> = {}): FlagState => ({
  isEnabled: true,
  percent: 0,
  tiers: [],
  userIds: new Set(),
  ...over,
});
const percents = fc.integer({ min: 0, max: 100 });

describe('a feature flag', () => {
  it.each([
    ['disabled', state({ isEnabled: false, percent: 100, tiers: ['pro'], userIds: new Set(['eva']) })],
    ['user', state({ userIds: new Set(['eva']), tiers: ['pro'] })],
    ['tier', state({ tiers: ['pro', 'enterprise'] })],
    ['percent', state({ percent: 100 })],
    ['nobody', state({ tiers: ['free'], userIds: new Set(['adam']) })],
  ])('is %s for a user of a tier', (reason, flag) => {
    expect(flagReason('new', flag, { userId: 'eva', tier: 'pro' })).toBe(reason);
  });

  it('is on without a user only where it is on for all', () => {
    expect(flagReason('new', state({ percent: 99 }), { userId: null })).toBe('nobody');
    expect(flagReason('new', state({ percent: 100 }), { userId: null })).toBe('percent');
  });

  it('stays on for whom it is on while its percentage grows', () => {
    fc.assert(
      fc.property(fc.string(), fc.uuid(), percents, percents, (key, userId, one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        const isOn = (percent: number) => isOnFor(flagReason(key, state({ percent }), { userId }));
        expect(isOn(less) && !isOn(more)).toBe(false);
        expect([isOn(0), isOn(100)]).toEqual([false, true]);
      }),
    );
  });

  it('is on for as many as it says, and not for the same ones as another', () => {
    const users = Array.from(
      { length: 20_000 },
      (_, index) => `0197c000-0000-7000-8000-${String(index).padStart(12, '0')}`,
    );
    const share = (isMeant: (userId: string) => boolean) => users.filter(isMeant).length / users.length;
    for (const percent of [1, 10, 50, 90])
      expect(share((userId) => shareOf('one', userId) < percent)).toBeCloseTo(percent / 100, 1.7);
    const both = share((userId) => shareOf('one', userId) < 50 && shareOf('other', userId) < 50);
    expect(both).toBeCloseTo(0.25, 1.7);
  });
});
