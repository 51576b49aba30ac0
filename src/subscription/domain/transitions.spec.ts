import fc from 'fast-check';
import { TIERS } from '../../common/domain/tiers.js';
import { billingPeriod } from './billing-period.js';
import {
  allowanceEndsAt,
  decideDue,
  dueAt,
  reinstated,
  renewed,
  SUBSCRIPTION_ACTIONS,
  SUBSCRIPTION_STATUSES,
  type SubscriptionState,
  whyNot,
} from './transitions.js';

const DAY_MS = 86_400_000;
const anchor = new Date('2026-01-31T10:00:00.000Z');

function stateOf(over: Partial<SubscriptionState> = {}): SubscriptionState {
  const index = over.periodIndex ?? 0;
  return {
    tier: 'pro',
    status: 'active',
    billingAnchorAt: anchor,
    periodIndex: index,
    currentPeriodEnd: billingPeriod(over.billingAnchorAt ?? anchor, index).end,
    cancelAtPeriodEnd: false,
    trialEndsAt: null,
    graceEndsAt: null,
    scheduledTier: null,
    ...over,
  };
}

const state: fc.Arbitrary<SubscriptionState> = fc
  .record({
    tier: fc.constantFrom(...TIERS),
    status: fc.constantFrom(...SUBSCRIPTION_STATUSES),
    billingAnchorAt: fc.date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }),
    periodIndex: fc.nat({ max: 30 }),
    cancelAtPeriodEnd: fc.boolean(),
    trial: fc.option(fc.integer({ min: 1, max: 60 })),
    grace: fc.option(fc.integer({ min: 0, max: 60 })),
    scheduledTier: fc.option(fc.constantFrom(...TIERS)),
  })
  .map(({ trial, grace, ...rest }) => {
    const after = (days: number | null): Date | null =>
      days === null ? null : new Date(rest.billingAnchorAt.getTime() + days * DAY_MS);
    return stateOf({ ...rest, trialEndsAt: after(trial), graceEndsAt: after(grace) });
  });

/** Every renewal up to `until`, and how it ended. */
function run(
  from: SubscriptionState,
  until: Date,
): { state: SubscriptionState; periods: number[]; end: string | null } {
  let current = from;
  const periods: number[] = [];
  for (;;) {
    const decision = decideDue(current, until);
    if (!decision) return { state: current, periods, end: null };
    if (decision.kind === 'end')
      return { state: current, periods, end: `${decision.status} ${decision.at.toISOString()}` };
    periods.push(decision.period.index);
    current = renewed(current, decision.tier, decision.period);
  }
}

describe('what is due', () => {
  it('renews from the anchor: 31 January, 28 February, 31 March', () => {
    const first = decideDue(stateOf(), new Date('2026-02-28T10:00:00.000Z'));
    expect(first).toMatchObject({
      kind: 'renew',
      tier: 'pro',
      period: { index: 1, end: new Date('2026-03-31T10:00:00.000Z') },
    });
    expect(decideDue(stateOf(), new Date('2026-02-28T09:59:59.999Z'))).toBeNull();
  });

  it('applies a scheduled tier when the period opens', () => {
    const decision = decideDue(stateOf({ scheduledTier: 'free' }), new Date('2026-03-01'));
    expect(decision).toMatchObject({ kind: 'renew', tier: 'free' });
  });

  it('ends at the period’s end what was cancelled, at its own time a trial, at the end of the grace what stayed unpaid', () => {
    const late = new Date('2026-12-01');
    const end = billingPeriod(anchor, 0).end;
    expect(decideDue(stateOf({ cancelAtPeriodEnd: true }), late)).toMatchObject({ status: 'cancelled', at: end });
    const trialEndsAt = new Date(anchor.getTime() + 14 * DAY_MS);
    expect(decideDue(stateOf({ trialEndsAt }), late)).toMatchObject({ status: 'expired', at: trialEndsAt });
    const graceEndsAt = new Date(end.getTime() + 7 * DAY_MS);
    expect(decideDue(stateOf({ graceEndsAt }), new Date(graceEndsAt.getTime() - 1))).toBeNull();
    expect(decideDue(stateOf({ graceEndsAt }), late)).toMatchObject({ status: 'expired', at: graceEndsAt });
  });

  it('ends what was cancelled and is past due with the period or with the grace, whichever is first', () => {
    const late = new Date('2026-12-01');
    const end = billingPeriod(anchor, 0).end;
    const [sooner, later] = [-7, 7].map((days) => new Date(end.getTime() + days * DAY_MS)) as [Date, Date];
    const cancelled = (graceEndsAt: Date) => decideDue(stateOf({ graceEndsAt, cancelAtPeriodEnd: true }), late);
    expect(cancelled(later)).toMatchObject({ status: 'cancelled', at: end });
    expect(cancelled(sooner)).toMatchObject({ status: 'expired', at: sooner });
  });

  it('lets no allowance last longer than its period, except through the grace of a plan that goes on', () => {
    fc.assert(
      fc.property(state, (one) => {
        const end = allowanceEndsAt(one);
        if (!one.graceEndsAt || one.cancelAtPeriodEnd) expect(end <= one.currentPeriodEnd).toBe(true);
        else expect(end).toEqual(one.graceEndsAt);
        if (!one.graceEndsAt && one.trialEndsAt) expect(end <= one.trialEndsAt).toBe(true);
      }),
    );
  });

  it('lets a trial longer than a period renew first', () => {
    const trialEndsAt = new Date(anchor.getTime() + 45 * DAY_MS);
    expect(run(stateOf({ trialEndsAt }), new Date('2026-12-01'))).toMatchObject({
      periods: [1],
      end: `expired ${trialEndsAt.toISOString()}`,
    });
  });

  it('is decided exactly when its time has come', () => {
    fc.assert(
      fc.property(
        state,
        fc.date({ min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true }),
        (one, now) => {
          const due = dueAt(one);
          expect(decideDue(one, now) !== null).toBe(due !== null && due <= now);
          expect(due === null).toBe(one.status !== 'active');
        },
      ),
    );
  });

  it('comes to the same in one run over [a, c] as in runs over [a, b] and [b, c]', () => {
    fc.assert(
      fc.property(state, fc.nat({ max: 900 }), fc.nat({ max: 900 }), (one, days, more) => {
        const b = new Date(one.billingAnchorAt.getTime() + days * DAY_MS);
        const c = new Date(b.getTime() + more * DAY_MS);
        const whole = run(one, c);
        const first = run(one, b);
        const second = first.end === null ? run(first.state, c) : { ...first, periods: [] };
        expect({ periods: [...first.periods, ...second.periods], end: second.end }).toEqual({
          periods: whole.periods,
          end: whole.end,
        });
      }),
    );
  });
});

describe('what was suspended', () => {
  const days = (count: number): Date => new Date(anchor.getTime() + count * DAY_MS);

  it('goes on where it was within its period, with its trial and its grace as long as they were', () => {
    const one = stateOf({ status: 'suspended', trialEndsAt: days(10), graceEndsAt: days(20), scheduledTier: 'free' });
    expect(reinstated(one, { suspendedAt: days(5), now: days(8) })).toEqual({
      ...one,
      status: 'active',
      trialEndsAt: days(13),
      graceEndsAt: days(23),
    });
  });

  it('goes on in the period that time is in, in the tier that was to follow', () => {
    const one = stateOf({ status: 'suspended', tier: 'enterprise', scheduledTier: 'pro' });
    const { end: currentPeriodEnd } = billingPeriod(anchor, 2);
    expect(reinstated(one, { suspendedAt: days(5), now: days(65) })).toEqual({
      ...one,
      status: 'active',
      tier: 'pro',
      scheduledTier: null,
      periodIndex: 2,
      currentPeriodEnd,
    });
  });

  it('loses nothing of what it still had of a trial or a grace, and is never in a period that is over but for one that ends or waits', () => {
    fc.assert(
      fc.property(state, fc.nat({ max: 900 }), fc.nat({ max: 900 }), (one, before, during) => {
        const suspendedAt = new Date(one.billingAnchorAt.getTime() + before * DAY_MS);
        const now = new Date(suspendedAt.getTime() + during * DAY_MS);
        const next = reinstated({ ...one, status: 'suspended' }, { suspendedAt, now });
        const left = (at: Date | null, from: Date) => at && at.getTime() - from.getTime();
        if (next.tier !== 'free') {
          expect(left(next.trialEndsAt, now)).toBe(left(one.trialEndsAt, suspendedAt));
          expect(left(next.graceEndsAt, now)).toBe(left(one.graceEndsAt, suspendedAt));
        }
        const isWaiting = one.graceEndsAt !== null && one.currentPeriodEnd <= suspendedAt;
        if (!one.cancelAtPeriodEnd && !isWaiting) expect(next.currentPeriodEnd > now).toBe(true);
        else expect(next).toMatchObject({ periodIndex: one.periodIndex, tier: one.tier });
      }),
    );
  });
});

describe('what may be done', () => {
  it('is nothing once a subscription is over', () => {
    for (const status of ['cancelled', 'expired'] as const) {
      for (const action of SUBSCRIPTION_ACTIONS) expect(whyNot(action, stateOf({ status }))).toContain(status);
    }
  });

  it('is, while suspended, only to reinstate or to end', () => {
    const suspended = stateOf({ status: 'suspended' });
    expect(SUBSCRIPTION_ACTIONS.filter((action) => whyNot(action, suspended) === null)).toEqual(['reinstate', 'end']);
  });

  it('depends on the plan, the trial and the payment', () => {
    const allowed = (one: SubscriptionState) => SUBSCRIPTION_ACTIONS.filter((action) => whyNot(action, one) === null);
    expect(allowed(stateOf({ tier: 'free' }))).toEqual(['suspend', 'change_tier']);
    expect(allowed(stateOf())).toEqual(['cancel', 'suspend', 'mark_past_due', 'change_tier', 'end']);
    expect(allowed(stateOf({ cancelAtPeriodEnd: true }))).toEqual([
      'resume',
      'suspend',
      'mark_past_due',
      'change_tier',
      'end',
    ]);
    expect(allowed(stateOf({ trialEndsAt: new Date() }))).toContain('convert_trial');
    expect(allowed(stateOf({ graceEndsAt: new Date() }))).toEqual([
      'cancel',
      'suspend',
      'recover',
      'extend_grace',
      'end',
    ]);
  });
});
