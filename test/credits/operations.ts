import fc from 'fast-check';
import type { SettleMember } from '../../src/credits/hold.repository.js';

/** Accounts in one comparison. */
export const USERS = 2;

const HOUR_MS = 3_600_000;

const SOURCES = ['promo', 'subscription', 'purchase', 'adjustment', 'proration'] as const;

/** One step in the life of the accounts under comparison. */
export type Operation =
  | {
      kind: 'grant';
      user: number;
      source: (typeof SOURCES)[number];
      amount: number;
      startsIn: number;
      lasts: number | null;
    }
  | { kind: 'reserve'; members: { user: number; amount: number; ttl: number }[] }
  | { kind: 'settle'; members: { pick: number; state: SettleMember['state']; per: number; isCarried: boolean }[] }
  | { kind: 'lose'; user: number; amount: number; cost: number }
  | { kind: 'close'; user: number; cap: number }
  | { kind: 'wait'; ms: number };

const user = fc.nat({ max: USERS - 1 });
export const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      user,
      source: fc.constantFrom(...SOURCES),
      amount: fc.integer({ min: 1, max: 60 }),
      startsIn: fc.constantFrom(0, 0, 0, HOUR_MS),
      lasts: fc.option(fc.constantFrom(HOUR_MS / 2, HOUR_MS, 3 * HOUR_MS)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      members: fc.array(fc.record({ user, amount: fc.nat({ max: 50 }), ttl: fc.constantFrom(HOUR_MS, 9 * HOUR_MS) }), {
        minLength: 1,
        maxLength: 5,
      }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      members: fc.uniqueArray(
        fc.record({
          pick: fc.nat({ max: 40 }),
          state: fc.constantFrom('settled' as const, 'settled' as const, 'voided' as const, 'expired' as const),
          per: fc.integer({ min: 0, max: 160 }),
          isCarried: fc.boolean(),
        }),
        { minLength: 1, maxLength: 5, selector: ({ pick }) => pick },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('lose' as const),
      user,
      amount: fc.nat({ max: 30 }),
      cost: fc.nat({ max: 40 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('close' as const), user, cap: fc.nat({ max: 40 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2 * HOUR_MS }) }),
  },
);
