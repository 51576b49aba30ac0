import fc from 'fast-check';
import type { SettleMember } from '../../src/credits/hold.repository.js';
import { DAY_MS, type Tier } from './reference-account.js';
import type { Action } from './reference-actions.js';

/** Accounts in one comparison. */
export const USERS = 2;

const HOUR_MS = 3_600_000;
const TIERS: readonly Tier[] = ['free', 'pro', 'pro_max', 'enterprise'];

const ACTIONS = ['cancel', 'resume', 'suspend', 'reinstate', 'past_due', 'recover', 'convert', 'end'] as const;

/** `until` of an extension is told in days from when a trial or grace would end; `answer` is what the state of the moment waits for. */
export type PlannedAction = Exclude<Action, { name: 'extend' }> | { name: 'extend'; days: number } | { name: 'answer' };

/** One step in the life of the accounts under comparison. */
export type Operation =
  | { kind: 'grant'; user: number; source: 'promo' | 'purchase' | 'adjustment'; amount: number; lasts: number | null }
  | { kind: 'promise'; user: number; amount: number; startsIn: number; lasts: number | null }
  | { kind: 'reserve'; members: { user: number; amount: number; ttl: number }[] }
  | { kind: 'settle'; members: { pick: number; state: SettleMember['state']; per: number; isCarried: boolean }[] }
  | { kind: 'lose'; user: number; amount: number; cost: number }
  | { kind: 'extend'; members: { pick: number; ttl: number }[] }
  | { kind: 'sweep' }
  | { kind: 'expire' }
  | { kind: 'close'; user: number }
  | { kind: 'roll' }
  | { kind: 'read'; user: number }
  | { kind: 'act'; user: number; action: PlannedAction }
  | { kind: 'start'; user: number; tier: Tier; isTrial: boolean }
  | { kind: 'adjust'; user: number; pick: number; amount: number }
  | { kind: 'reverse'; user: number; pick: number }
  | { kind: 'refund'; pick: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'boundary'; user: number; offset: number };

/** A step, and after how many writing statements its database session is killed, if at all. */
export interface Step {
  operation: Operation;
  crashAfter: number | null;
}

const user = fc.nat({ max: USERS - 1 });
const pick = fc.nat({ max: 40 });
const ttl = fc.constantFrom(HOUR_MS, 9 * HOUR_MS, 40 * DAY_MS);
const lasts = fc.option(fc.constantFrom(HOUR_MS / 2, HOUR_MS, 3 * HOUR_MS, 20 * DAY_MS, 70 * DAY_MS));
const is = <Kind extends string>(kind: Kind): fc.Arbitrary<Kind> => fc.constant(kind);

const grant = fc.record({
  kind: is('grant'),
  user,
  source: fc.constantFrom('promo' as const, 'purchase' as const, 'adjustment' as const),
  amount: fc.integer({ min: 1, max: 60 }),
  lasts,
});

const promise = fc.record({
  kind: is('promise'),
  user,
  amount: fc.integer({ min: 1, max: 30 }),
  startsIn: fc.constantFrom(HOUR_MS, 12 * DAY_MS),
  lasts,
});

const reserve = fc.record({
  kind: is('reserve'),
  members: fc.array(fc.record({ user, amount: fc.nat({ max: 70 }), ttl }), { minLength: 1, maxLength: 5 }),
});

const settle = fc.record({
  kind: is('settle'),
  members: fc.uniqueArray(
    fc.record({
      pick,
      state: fc.constantFrom('settled' as const, 'settled' as const, 'voided' as const, 'expired' as const),
      per: fc.oneof(fc.integer({ min: 0, max: 160 }), fc.constantFrom(0, 100, 800)),
      isCarried: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5, selector: ({ pick: hold }) => hold },
  ),
});

const lose = fc.record({ kind: is('lose'), user, amount: fc.nat({ max: 30 }), cost: fc.nat({ max: 40 }) });
const extend = fc.record({
  kind: is('extend'),
  members: fc.uniqueArray(fc.record({ pick, ttl }), {
    minLength: 1,
    maxLength: 3,
    selector: ({ pick: hold }) => hold,
  }),
});

const action: fc.Arbitrary<PlannedAction> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(...ACTIONS).map((name) => ({ name })),
  },
  { weight: 4, arbitrary: fc.record({ name: is('answer') }) },
  { weight: 2, arbitrary: fc.record({ name: is('extend'), days: fc.integer({ min: -5, max: 80 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      name: is('change'),
      tier: fc.constantFrom(...TIERS),
      when: fc.constantFrom('now' as const, 'period_end' as const, undefined),
    }),
  },
);

const amount = fc.integer({ min: -20, max: 20 }).filter((change) => change !== 0);
const start = fc.record({ kind: is('start'), user, tier: fc.constantFrom(...TIERS), isTrial: fc.boolean() });

/** Hours, days, months and more than a year; and to the millisecond before, at and after the end of somebody's period. */
const wait = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: is('wait'), ms: fc.integer({ min: 1, max: 2 * HOUR_MS }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: is('wait'),
      ms: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 425 })).map((days) => days * DAY_MS),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: is('boundary'), user, offset: fc.constantFrom(-1, 0, 1, HOUR_MS) }) },
);

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: grant },
  { weight: 1, arbitrary: promise },
  { weight: 8, arbitrary: reserve },
  { weight: 8, arbitrary: settle },
  { weight: 1, arbitrary: lose },
  { weight: 1, arbitrary: extend },
  { weight: 2, arbitrary: fc.record({ kind: is('sweep') }) },
  { weight: 1, arbitrary: fc.record({ kind: is('expire') }) },
  { weight: 2, arbitrary: fc.record({ kind: is('close'), user }) },
  { weight: 1, arbitrary: fc.record({ kind: is('roll') }) },
  { weight: 1, arbitrary: fc.record({ kind: is('read'), user }) },
  { weight: 8, arbitrary: fc.record({ kind: is('act'), user, action }) },
  { weight: 2, arbitrary: start },
  { weight: 1, arbitrary: fc.record({ kind: is('adjust'), user, pick, amount }) },
  { weight: 1, arbitrary: fc.record({ kind: is('reverse'), user, pick }) },
  { weight: 2, arbitrary: fc.record({ kind: is('refund'), pick }) },
  { weight: 6, arbitrary: wait },
);

export const step: fc.Arbitrary<Step> = fc.record({
  operation,
  crashAfter: fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat({ max: 12 }) }),
});

/** What comes about by several steps: time passes over a suspension or a grace, perhaps of somebody who is leaving, and it is answered. */
const passage: fc.Arbitrary<Operation[]> = fc
  .record({
    user,
    trial: fc.option(fc.constantFrom('pro' as const, 'pro_max' as const)),
    before: fc.option(
      fc.oneof(
        fc.constantFrom('past_due' as const, 'cancel' as const).map((name) => ({ name })),
        fc.record({ name: is('change'), tier: fc.constantFrom(...TIERS), when: is('period_end') }),
      ),
    ),
    state: fc.constantFrom('suspend' as const, 'past_due' as const),
    passes: fc.oneof(
      fc.record({ kind: is('boundary'), user, offset: fc.constantFrom(-1, 0, HOUR_MS) }),
      fc.record({ kind: is('wait'), ms: fc.integer({ min: 1, max: 70 }).map((days) => days * DAY_MS) }),
    ),
  })
  .map(({ user: of, trial, before, state, passes }) => {
    const acts = (planned: PlannedAction): Operation => ({ kind: 'act', user: of, action: planned });
    const start: Operation[] = trial ? [{ kind: 'start', user: of, tier: trial, isTrial: true }] : [];
    const begin = before ? [acts(before), acts({ name: state })] : [acts({ name: state })];
    const answer = acts({ name: 'answer' });
    const tries: Operation = { kind: 'reserve', members: [{ user: of, amount: 1, ttl: HOUR_MS }] };
    return [
      ...start,
      ...begin,
      { ...passes, user: of },
      tries,
      answer,
      ...(before?.name === 'past_due' ? [answer] : []),
    ];
  });

export const steps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      { weight: 12, arbitrary: step.map((one) => [one]) },
      { weight: 2, arbitrary: passage.map((all) => all.map((one) => ({ operation: one, crashAfter: null }))) },
    ),
    { minLength: 10, maxLength: 40, size: 'max' },
  )
  .map((parts) => parts.flat());

/** When a life begins: also on days that later months do not have. */
export const birth: fc.Arbitrary<Date> = fc
  .constantFrom(
    '2026-01-31T12:00:30.000Z',
    '2025-12-30T23:59:59.999Z',
    '2028-02-29T00:00:00.000Z',
    '2026-05-10T12:00:30.000Z',
  )
  .map((text) => new Date(text));

export const tiers = fc.tuple(fc.constantFrom(...TIERS), fc.constantFrom(...TIERS));
