import type { HoldRow, Row, Stored } from './lives-database.js';
import { periodEnd } from './reference-periods.js';
import { monthsAfter, type ReferenceAccount, remaining } from './reference-account.js';

/** What each side calls a thing: the database's ids in the words of the reference. */
export class Names {
  private readonly subscriptions = new Map<string, string>();
  private readonly changes = new Map<string, string>();
  private counts = new Map<string, number>();

  /** Names what is new in `stored`, in the order in which it came into being. */
  learn(stored: Stored, userId: string): void {
    const isLive = (row: Row): number => (row['status'] === 'active' || row['status'] === 'suspended' ? 1 : 0);
    const opened = ofUser(stored.subscriptions, userId).filter(({ id }) => !this.subscriptions.has(String(id)));
    opened.sort(
      (one, other) => isLive(one) - isLive(other) || time(one['billing_anchor_at']) - time(other['billing_anchor_at']),
    );
    for (const { id } of opened) this.subscriptions.set(String(id), `s${this.next(`subscription ${userId}`)}`);
    for (const row of ofUser(stored.grants, userId)) {
      const key = String(row['grant_key']);
      if (row['source'] !== 'proration' || this.changes.has(key)) continue;
      this.changes.set(key, `change:${this.next(`change ${userId}`)}`);
    }
  }

  subscriptionId(stored: Stored, userId: string, name: string): string {
    const row = ofUser(stored.subscriptions, userId).find(({ id }) => this.subscriptions.get(String(id)) === name);
    return String(row?.['id'] ?? 'none');
  }

  ofSubscription(id: unknown): string {
    return this.subscriptions.get(String(id)) ?? String(id);
  }

  ofGrant(row: Row): string {
    const key = String(row['grant_key']);
    const [kind, id, index] = key.split(':');
    if (kind === 'allowance' || kind === 'rollover') return `${kind}:${this.ofSubscription(id)}:${index}`;
    return this.changes.get(key) ?? key;
  }

  private next(of: string): number {
    const count = this.counts.get(of) ?? 0;
    this.counts.set(of, count + 1);
    return count;
  }
}

/** Everything that the database knows of a user, in words that both sides can say. */
export function describeStored(stored: Stored, userId: string, names: Names): string[] {
  const grants = ofUser(stored.grants, userId);
  const keys = new Map(grants.map((row) => [row['id'], names.ofGrant(row)]));
  return [
    ...grants.map((row) => describeGrant(row, names)),
    ...ofUser(stored.holds, userId).map((row) => describeHold(row, keys)),
    ...ofUser(stored.postings, userId).map((row) => describePosting(row, keys)),
    ...ofUser(stored.closes, userId).map((row) =>
      ['close', `${names.ofSubscription(row['subscription_id'])}:${row['period_index']}`]
        .concat([row['left_ucr'], row['carried_ucr'], row['cap_left_ucr'], row['forfeited_ucr']].map(String))
        .join(' '),
    ),
    ...ofUser(stored.subscriptions, userId).map((row) => describeSubscription(row, names)),
    ...ofUser(stored.accounts, userId).map((row) =>
      ['account', row['balance_ucr'], row['held_ucr'], row['debt_ucr'], row['pending_count']]
        .concat(day(row['next_due_at']), row['suspended_at'] === null ? 'open' : 'suspended')
        .join(' '),
    ),
  ].sort();
}

function describeGrant(row: Row, names: Names): string {
  return [
    'grant',
    names.ofGrant(row),
    row['source'],
    row['total_ucr'],
    row['used_ucr'],
    row['expired_ucr'],
    row['held_ucr'],
  ]
    .concat(row['closed_at'] === null ? 'open' : 'closed', day(row['effective_at']), day(row['expires_at']))
    .join(' ');
}

function describeHold(row: HoldRow, keys: ReadonlyMap<unknown, string>): string {
  const slices = row.slices.map(({ creditId, amountUcr }) => `${keys.get(creditId)}=${amountUcr}`);
  return ['hold', row['id'], row['state'], row['amount_ucr'], row['cost_ucr'] ?? '-', row['new_debt_ucr']]
    .concat(day(row['expires_at']), slices)
    .join(' ');
}

/** The line as both sides say it; also how a line of the reference is found in the database. */
export function describePosting(row: Row, keys: ReadonlyMap<unknown, string>): string {
  return [
    'posting',
    row['kind'],
    keys.get(row['credit_id']) ?? '-',
    row['hold_id'] ?? '-',
    row['amount_ucr'],
    row['reversal'],
  ].join(' ');
}

function describeSubscription(row: Row, names: Names): string {
  return ['subscription', names.ofSubscription(row['id']), row['tier'], row['status'], row['period_index']]
    .concat(day(row['billing_anchor_at']), day(row['current_period_start']), day(row['current_period_end']))
    .concat(row['cancel_at_period_end'] === true ? 'cancelling' : 'staying', day(row['trial_ends_at']))
    .concat(day(row['grace_ends_at']), row['scheduled_tier'] ?? '-', row['allowance_ucr'], row['owed_ucr'])
    .join(' ');
}

/** The same of the reference. */
export function describeReference(account: ReferenceAccount): string[] {
  const pending = [...account.holds.values()].filter(({ state }) => state === 'pending');
  const sum = (amounts: bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);
  return [
    ...account.grants.map((grant) =>
      ['grant', grant.key, grant.source, grant.total, grant.used, grant.expired, grant.held]
        .concat(grant.isClosed ? 'closed' : 'open', day(grant.effectiveAt), day(grant.expiresAt))
        .join(' '),
    ),
    ...[...account.holds.values()].map((hold) =>
      ['hold', hold.id, hold.state, hold.amount, hold.cost ?? '-', hold.newDebt, day(hold.expiresAt)]
        .concat(hold.slices.map(({ key, amount }) => `${key}=${amount}`))
        .join(' '),
    ),
    ...account.postings.map(({ kind, grant, hold, amount, reversal }) =>
      ['posting', kind, grant, hold, amount, reversal].join(' '),
    ),
    ...[...account.closes].map(([name, { left, carried, capLeft, forfeited }]) =>
      ['close', name, left, carried, capLeft, forfeited].join(' '),
    ),
    ...account.subscriptions.map((one) =>
      [
        'subscription',
        one.name,
        one.tier,
        one.status,
        one.index,
        day(one.anchor),
        day(monthsAfter(one.anchor, one.index)),
      ]
        .concat(day(periodEnd(one)), one.isCancelling ? 'cancelling' : 'staying', day(one.trialEndsAt))
        .concat(day(one.graceEndsAt), one.scheduled ?? '-', String(one.allowance), String(one.owed))
        .join(' '),
    ),
    [
      'account',
      sum(account.grants.map(remaining)),
      sum(account.grants.map(({ held }) => held)),
      account.debt,
      pending.length,
    ]
      .concat(day(account.dueAt), account.suspendedAt !== null ? 'suspended' : 'open')
      .join(' '),
  ].sort();
}

export function ofUser<Found extends Row | HoldRow>(rows: readonly Found[], userId: string): Found[] {
  return rows.filter((row) => row['user_id'] === userId);
}

function time(value: unknown): number {
  return new Date(String(value)).getTime();
}

function day(value: unknown): string {
  return value === null || value === undefined ? '-' : new Date(value as string | number).toISOString();
}
