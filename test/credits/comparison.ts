import { newId } from '../../src/common/ids.js';
import { GRANT_PRIORITY } from '../../src/credits/grant.entity.js';
import type { ReserveMember, SettleMember } from '../../src/credits/hold.repository.js';
import { type Operation, USERS } from './operations.js';
import { member, MoneyDatabase, NOW, settlement, type TestUser } from './money-database.js';
import * as reference from './reference.js';

const HOUR_MS = 3_600_000;
/** A month before: what is carried out of the first period is active at once. */
const ANCHOR = new Date('2026-04-10T12:00:30.000Z');

/** Runs one life in the database and in the reference, side by side. */
export class Comparison {
  private now = NOW.getTime();
  private readonly owned: {
    user: TestUser;
    account: reference.ReferenceAccount;
    subscriptionId: string;
    period: number;
  }[] = [];
  private readonly holds: { owner: number; member: ReserveMember; heldAt: Date }[] = [];
  private readonly grantIds = new Map<string, string>();
  private grantCount = 0;

  constructor(private readonly money: MoneyDatabase) {}

  async begin(): Promise<void> {
    for (let index = 0; index < USERS; index += 1) {
      const owner = await this.money.newUser();
      const subscriptionId = newId();
      await this.money.query(
        `insert into subscriptions (id, user_id, tier, billing_anchor_at, current_period_start, current_period_end, created_at, updated_at)
         values (?, ?, 'pro', ?, ?, ?, ?, ?)`,
        [subscriptionId, owner.id, ANCHOR, ANCHOR, NOW, NOW, NOW],
      );
      this.owned.push({
        user: owner,
        subscriptionId,
        period: 0,
        account: {
          grants: [],
          holds: new Map(),
          closes: new Map(),
          debt: 0n,
          postings: [],
          rolloverValidity: (periodIndex) => ({
            start: monthsAfter(periodIndex + 1),
            end: monthsAfter(periodIndex + 2),
          }),
        },
      });
    }
  }

  async run(step: Operation): Promise<void> {
    switch (step.kind) {
      case 'wait':
        this.now += step.ms;
        return;
      case 'grant':
        return this.grant(step);
      case 'reserve':
        return this.reserve(step);
      case 'settle':
        return this.settle(step);
      case 'lose':
        return this.lose(step);
      case 'close':
        return this.close(step);
    }
  }

  /** Everything that both sides know must be equal. */
  async compare(): Promise<void> {
    for (const { user: owner, account } of this.owned) {
      const grants = await this.money.query<Record<string, string | null>>(
        'select *, closed_at is not null as is_closed from credits where user_id = ?',
        [owner.id],
      );
      const keyOf = new Map(grants.map((row) => [row['id'], keyOfRow(row)]));
      expect(
        grants
          .map((row) =>
            [
              keyOfRow(row),
              row['total_ucr'],
              row['used_ucr'],
              row['expired_ucr'],
              row['held_ucr'],
              row['is_closed'],
            ].join(' '),
          )
          .sort(),
      ).toEqual(
        account.grants
          .map((grant) => [grant.key, grant.total, grant.used, grant.expired, grant.held, grant.isClosed].join(' '))
          .sort(),
      );
      const holds = await this.money.query<Record<string, string>>('select * from credit_holds where user_id = ?', [
        owner.id,
      ]);
      expect(
        holds
          .map((row) =>
            [row['id'], row['state'], row['amount_ucr'], row['cost_ucr'] ?? '-', row['new_debt_ucr']].join(' '),
          )
          .sort(),
      ).toEqual(
        [...account.holds.values()]
          .map((hold) => [hold.id, hold.state, hold.amount, hold.cost ?? '-', hold.newDebt].join(' '))
          .sort(),
      );
      const postings = await this.money.query<Record<string, string>>(
        'select * from credit_postings where user_id = ? and hold_id is not null',
        [owner.id],
      );
      expect(
        postings
          .map((row) =>
            [row['kind'], keyOf.get(row['credit_id'] ?? '') ?? '-', row['hold_id'], row['amount_ucr']].join(' '),
          )
          .sort(),
      ).toEqual([...account.postings].sort());
      const [row] = await this.money.query<Record<string, string>>('select * from credit_accounts where user_id = ?', [
        owner.id,
      ]);
      expect(BigInt(row?.['debt_ucr'] ?? -1)).toBe(account.debt);
    }
  }

  private owner(index: number): (typeof this.owned)[number] {
    const found = this.owned[index];
    if (!found) throw new Error(`no owner ${index}`);
    return found;
  }

  private async grant(step: Extract<Operation, { kind: 'grant' }>): Promise<void> {
    const { user: owner, account, subscriptionId, period } = this.owner(step.user);
    // Keys in the order of creation: what decides between two grants of one moment is the id, which grows as well.
    const key = `g${String((this.grantCount += 1)).padStart(4, '0')}`;
    const effectiveAt = this.now + step.startsIn;
    const isEligible = step.source === 'subscription' || step.source === 'proration';
    const expiresAt = isEligible || step.lasts === null ? null : effectiveAt + step.lasts;
    const spec = {
      key,
      source: step.source,
      amountUcr: BigInt(step.amount),
      effectiveAt: new Date(effectiveAt),
      expiresAt: expiresAt === null ? null : new Date(expiresAt),
      createdAt: new Date(this.now),
    };
    const ofPeriod = isEligible ? { subscriptionId, periodIndex: period } : {};
    // One allowance per period is an invariant of its own; here several grants of a period are wanted.
    const source = step.source === 'subscription' ? ('proration' as const) : step.source;
    const id = await this.money.addGrant(owner, { ...spec, ...ofPeriod, source });
    this.grantIds.set(key, id);
    account.grants.push({
      key,
      source,
      priority: GRANT_PRIORITY[source],
      effectiveAt,
      expiresAt,
      createdAt: this.now,
      total: BigInt(step.amount),
      used: 0n,
      expired: 0n,
      held: 0n,
      isClosed: false,
      periodIndex: isEligible ? period : null,
    });
  }

  private async reserve(step: Extract<Operation, { kind: 'reserve' }>): Promise<void> {
    const now = new Date(this.now);
    const members = step.members.map((wanted) => ({
      owner: wanted.user,
      member: member(this.owner(wanted.user).user, BigInt(wanted.amount), {
        expiresAt: new Date(this.now + wanted.ttl),
      }),
    }));
    const results = await this.money.holds.reserve(
      members.map(({ member: one }) => one),
      now,
    );
    members.forEach(({ owner, member: one }, index) => {
      const { account } = this.owner(owner);
      const request = { id: one.id, amount: one.amountUcr, expiresAt: one.expiresAt.getTime() };
      const expected = reference.reserve(account, request, this.now);
      expect(results[index]?.outcome).toBe(expected);
      if (expected === 'held') this.holds.push({ owner, member: one, heldAt: now });
    });
  }

  private async settle(step: Extract<Operation, { kind: 'settle' }>): Promise<void> {
    const picked = step.members.flatMap((wanted) => {
      const hold = this.holds[wanted.pick % Math.max(1, this.holds.length)];
      return hold ? [{ ...wanted, ...hold }] : [];
    });
    const unique = picked.filter(
      (one, index) => picked.findIndex((other) => other.member.id === one.member.id) === index,
    );
    const members = unique.map(({ owner, member: held, heldAt, state, per, isCarried }) => {
      const cost = state === 'settled' ? (held.amountUcr * BigInt(per)) / 100n : 0n;
      const settled = settlement(held, cost, heldAt);
      const call: SettleMember = {
        ...settled,
        state,
        attempts: state === 'settled' ? settled.attempts : [],
        hold: isCarried ? settled.hold : null,
      };
      const carried = isCarried ? { amount: held.amountUcr, expiresAt: held.expiresAt.getTime() } : null;
      return { call, expected: { account: this.owner(owner).account, id: held.id, state, cost, carried } };
    });
    await this.settleBoth(members);
  }

  private async lose(step: Extract<Operation, { kind: 'lose' }>): Promise<void> {
    const { user: owner, account } = this.owner(step.user);
    const lost = member(owner, BigInt(step.amount), { expiresAt: new Date(this.now + HOUR_MS) });
    const cost = BigInt(step.cost);
    const carried = { amount: lost.amountUcr, expiresAt: lost.expiresAt.getTime() };
    await this.settleBoth([
      {
        call: settlement(lost, cost, new Date(this.now)),
        expected: { account, id: lost.id, state: 'settled', cost, carried },
      },
    ]);
    this.holds.push({ owner: step.user, member: lost, heldAt: new Date(this.now) });
  }

  private async settleBoth(members: { call: SettleMember; expected: reference.ReferenceSettlement }[]): Promise<void> {
    if (members.length === 0) return;
    const results = await this.money.holds.settle(
      members.map(({ call }) => call),
      new Date(this.now),
    );
    const outcomes = reference.settleBatch(
      members.map(({ expected }) => expected),
      this.now,
    );
    expect(results.map((result) => result.outcome)).toEqual(outcomes);
    members.forEach(({ expected: { account, id } }, index) => {
      const hold = account.holds.get(id);
      expect(results[index]).toMatchObject({
        state: hold?.state ?? null,
        costUcr: hold?.cost ?? 0n,
        newDebtUcr: hold?.newDebt ?? 0n,
        availableUcr: reference.available(account, this.now),
      });
    });
  }

  /** A period close as its own function will do it: what is free is forfeited here, what is held stays under the cap. */
  private async close(step: Extract<Operation, { kind: 'close' }>): Promise<void> {
    const owned = this.owner(step.user);
    const { user: owner, account, subscriptionId, period } = owned;
    if (account.closes.has(period)) return;
    const now = new Date(this.now);
    let forfeited = 0n;
    for (const grant of account.grants.filter(
      (one) => one.periodIndex === period && one.source === 'proration' && !one.isClosed,
    )) {
      const free = reference.remaining(grant) - grant.held;
      grant.expired += free;
      grant.isClosed = true;
      forfeited += free;
      const id = this.grantIds.get(grant.key);
      await this.money.query(
        'update credits set expired_ucr = expired_ucr + ?, closed_at = ? where user_id = ? and id = ?',
        [free, now, owner.id, id],
      );
      if (free === 0n) continue;
      await this.money.query(
        `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at) values (?, ?, ?, 'forfeit', ?, ?)`,
        [owner.id, newId(), id, -free, now],
      );
      await this.money.query('update credit_accounts set balance_ucr = balance_ucr - ? where user_id = ?', [
        free,
        owner.id,
      ]);
    }
    await this.money.query(
      `insert into period_closes (user_id, subscription_id, period_index, left_ucr, carried_ucr, cap_left_ucr, forfeited_ucr, closed_at,
         created_at, updated_at) values (?, ?, ?, ?, 0, ?, ?, ?, ?, ?)`,
      [owner.id, subscriptionId, period, forfeited, step.cap, forfeited, now, now, now],
    );
    account.closes.set(period, { carried: 0n, capLeft: BigInt(step.cap), forfeited });
    owned.period += 1;
  }
}

/** A rollover grant is made in the database: its key without the subscription is what the reference calls it. */
function keyOfRow(row: Record<string, string | null>): string {
  return row['source'] === 'rollover' ? `rollover:${row['period_index']}` : String(row['grant_key']);
}

function monthsAfter(months: number): number {
  return Temporal.Instant.fromEpochMilliseconds(ANCHOR.getTime()).toZonedDateTimeISO('UTC').add({ months })
    .epochMilliseconds;
}
