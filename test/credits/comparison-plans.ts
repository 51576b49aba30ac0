import { type Deed, type Life, refusable } from './comparison-life.js';
import type { Operation, PlannedAction } from './operations.js';
import { available, DAY_MS, type ReferenceAccount, type ReferenceSubscription } from './reference-account.js';
import * as actions from './reference-actions.js';
import { closeDue, isDue, live } from './reference-periods.js';

const EXTENSION_MS_MAX = 366 * DAY_MS;
const CAUSE = { actorId: null, reason: 'test' };

type Wanted<Kind extends Operation['kind']> = Extract<Operation, { kind: Kind }>;

export function planDeed(life: Life, operation: Wanted<'close' | 'roll' | 'read' | 'act' | 'start'>): Deed {
  switch (operation.kind) {
    case 'close':
      return close(life, operation);
    case 'roll':
      return roll(life);
    case 'read':
      return read(life, operation);
    case 'act':
      return act(life, operation);
    case 'start':
      return start(life, operation);
  }
}

/** Twice at the same moment, as two requests that meet the same due period. */
function close(life: Life, { user }: Wanted<'close'>): Deed {
  const { user: owner, account } = life.owner(user);
  const now = life.at();
  return {
    perform: async () => {
      const runs = await Promise.allSettled([0, 1].map(() => life.services.periods.closeDue(owner.id, now)));
      return runs.reduce((sum, one) => {
        if (one.status === 'rejected') throw one.reason;
        return sum + one.value.length;
      }, 0);
    },
    predict: () => closeDue(account, life.now),
  };
}

/** The job, after a dry run that must have told what the first close of each account does. */
function roll(life: Life): Deed {
  const now = life.at();
  return {
    perform: async () => {
      const { lines } = await life.rollover.preview(now);
      const { closed, failed } = await life.rollover.run(now);
      const { closes } = await life.read();
      const told = lines.map(({ subscriptionId, periodIndex, leftUcr, carriedUcr, forfeitedUcr }) => {
        const row = closes.find(
          (one) => one['subscription_id'] === subscriptionId && one['period_index'] === periodIndex,
        );
        return (
          row?.['left_ucr'] === Number(leftUcr) &&
          row['carried_ucr'] === Number(carriedUcr) &&
          row['forfeited_ucr'] === Number(forfeitedUcr)
        );
      });
      return { told, closed, failed };
    },
    predict: () => {
      const due = life.owned.filter(({ account }) => isDue(account, life.now));
      const closed = life.owned.reduce((sum, { account }) => sum + closeDue(account, life.now), 0);
      return { told: due.map(() => true), closed, failed: 0 };
    },
  };
}

function read(life: Life, { user }: Wanted<'read'>): Deed {
  const { user: owner, account } = life.owner(user);
  const now = life.at();
  return {
    perform: async () => {
      const { availableUcr, heldUcr, debtUcr, nextGrantAt } = await life.services.credits.balance(owner.id, now);
      return { availableUcr, heldUcr, debtUcr, nextGrantAt: nextGrantAt?.getTime() ?? null };
    },
    predict: () => {
      closeDue(account, life.now);
      return {
        availableUcr: available(account, life.now),
        heldUcr: account.grants.reduce((sum, { held }) => sum + held, 0n),
        debtUcr: account.debt,
        nextGrantAt: nextGrantAt(account, life.now),
      };
    },
  };
}

function nextGrantAt(account: ReferenceAccount, now: number): number | null {
  const starts = account.grants.filter(({ isClosed, effectiveAt }) => !isClosed && effectiveAt > now);
  const times = [...starts.map(({ effectiveAt }) => effectiveAt), ...(account.dueAt === null ? [] : [account.dueAt])];
  return times.length === 0 ? null : Math.min(...times);
}

function act(life: Life, { user, action: planned }: Wanted<'act'>): Deed {
  const { user: owner, account } = life.owner(user);
  const one = live(account);
  if (!one) throw new Error('a user always has a live subscription');
  const id = life.names.subscriptionId(life.stored, owner.id, one.name);
  const action = actionOf(planned, one, life.now);
  return {
    perform: () => refusable(() => perform(life, id, action)),
    predict: () => {
      const before = { ...one };
      const outcome = actions.act(account, one, action, life.now);
      if (outcome === 'done') {
        life.met.add(action.name === 'change' ? `change: ${action.when}` : action.name);
        for (const what of raritiesOf(action.name, before, one)) life.met.add(what);
      }
      return outcome;
    },
  };
}

/** What seldom comes together, in words. */
function raritiesOf(
  name: actions.Action['name'],
  before: ReferenceSubscription,
  after: ReferenceSubscription,
): string[] {
  const met: Record<string, boolean> = {
    'change under a suspension': name === 'reinstate' && after.tier !== before.tier,
    'grace moved': name === 'reinstate' && after.graceEndsAt !== before.graceEndsAt,
    'trial moved': name === 'reinstate' && after.trialEndsAt !== before.trialEndsAt,
    'allowance that waited': name === 'recover' && after.index > before.index,
    'cancelled and past due': before.isCancelling && after.graceEndsAt !== null,
  };
  return Object.keys(met).filter((what) => met[what]);
}

function actionOf(planned: PlannedAction, one: ReferenceSubscription, now: number): actions.Action {
  if (planned.name === 'extend') {
    const until = (one.graceEndsAt ?? one.trialEndsAt ?? now) + planned.days * DAY_MS;
    return { name: 'extend', until: Math.min(until, now + EXTENSION_MS_MAX) };
  }
  if (planned.name !== 'answer') return planned;
  if (one.status === 'suspended') return { name: 'reinstate' };
  if (one.graceEndsAt !== null) return { name: 'recover' };
  if (one.trialEndsAt !== null) return { name: 'convert' };
  return { name: one.isCancelling ? 'resume' : 'cancel' };
}

function perform({ services, at }: Life, id: string, action: actions.Action): Promise<unknown> {
  const { lifecycle, changes } = services;
  const now = at();
  switch (action.name) {
    case 'cancel':
      return lifecycle.cancel(id, CAUSE, now);
    case 'resume':
      return lifecycle.resume(id, CAUSE, now);
    case 'suspend':
      return lifecycle.suspend(id, CAUSE, now);
    case 'reinstate':
      return lifecycle.reinstate(id, CAUSE, now);
    case 'past_due':
      return lifecycle.markPastDue(id, CAUSE, now);
    case 'recover':
      return lifecycle.recover(id, CAUSE, now);
    case 'convert':
      return lifecycle.convertTrial(id, CAUSE, now);
    case 'end':
      return lifecycle.end(id, CAUSE, now);
    case 'extend':
      return lifecycle.extend(id, { ...CAUSE, until: new Date(action.until) }, now);
    case 'change':
      return changes.change(id, { ...CAUSE, tier: action.tier, when: action.when }, now);
  }
}

function start(life: Life, { user, tier, isTrial }: Wanted<'start'>): Deed {
  const { user: owner, account } = life.owner(user);
  const now = life.at();
  return {
    perform: () => refusable(() => life.services.subscriptions.startPlan(owner.id, tier, { ...CAUSE, isTrial }, now)),
    predict: () => actions.startPlan(account, tier, isTrial, life.now),
  };
}
