import type { SettleMember } from '../../src/credits/hold.repository.js';
import { type Deed, type Life, recent } from './comparison-life.js';
import { member, settlement } from './money-database.js';
import type { Operation } from './operations.js';
import { closeDue } from './reference-periods.js';
import { available } from './reference-account.js';
import * as reference from './reference.js';

const HOUR_MS = 3_600_000;
const HOLDS_AT_HAND = 10;

type Wanted<Kind extends Operation['kind']> = Extract<Operation, { kind: Kind }>;

export function holdDeed(life: Life, operation: Wanted<'reserve' | 'settle' | 'lose' | 'extend' | 'sweep'>): Deed {
  switch (operation.kind) {
    case 'reserve':
      return reserve(life, operation);
    case 'settle':
      return settle(life, operation);
    case 'lose':
      return lose(life, operation);
    case 'extend':
      return extend(life, operation);
    case 'sweep':
      return sweep(life);
  }
}

/** As a request does it: where a period is due, it is closed, and then tried again. */
function reserve(life: Life, { members: wanted }: Wanted<'reserve'>): Deed {
  const now = life.at();
  const orders = wanted.map(({ user, amount, ttl }) => ({
    owner: user,
    member: member(life.owner(user).user, BigInt(amount), { expiresAt: new Date(life.now + ttl) }),
  }));
  return {
    perform: async () => {
      const ask = async (asked: typeof orders): Promise<string[]> => {
        const results = await life.money.holds.reserve(
          asked.map((one) => one.member),
          now,
        );
        return results.map(({ outcome }) => outcome);
      };
      const outcomes = await ask(orders);
      const due = orders.filter((_, index) => outcomes[index] === 'period_due');
      if (due.length === 0) return { outcomes, again: [] };
      for (const owner of new Set(due.map((one) => one.owner))) {
        await life.services.periods.closeDue(life.owner(owner).user.id, now);
      }
      return { outcomes, again: await ask(due) };
    },
    predict: () => {
      const ask = (asked: typeof orders): string[] =>
        asked.map((order) => {
          const { id, amountUcr: amount, expiresAt } = order.member;
          const request = { id, amount, expiresAt: expiresAt.getTime() };
          const outcome = reference.reserve(life.owner(order.owner).account, request, life.now);
          if (outcome === 'held') life.holds.push({ ...order, heldAt: now });
          life.met.add(`reserve: ${outcome}`);
          return outcome;
        });
      const outcomes = ask(orders);
      const due = orders.filter((_, index) => outcomes[index] === 'period_due');
      for (const { owner } of due) closeDue(life.owner(owner).account, life.now);
      return { outcomes, again: ask(due) };
    },
  };
}

function settle(life: Life, { members: wanted }: Wanted<'settle'>): Deed {
  const picked = wanted.flatMap(({ pick, ...how }) => {
    const hold = recent(life.holds, pick, HOLDS_AT_HAND);
    return hold ? [{ ...how, ...hold }] : [];
  });
  const unique = picked.filter(
    (one, index) => picked.findIndex((other) => other.member.id === one.member.id) === index,
  );
  return ending(
    life,
    unique.map(({ owner, member: held, heldAt, state, per, isCarried }) => {
      const cost = state === 'settled' ? (held.amountUcr * BigInt(per)) / 100n : 0n;
      const settled = settlement(held, cost, heldAt);
      const call: SettleMember = {
        ...settled,
        state,
        attempts: state === 'settled' ? settled.attempts : [],
        hold: isCarried ? settled.hold : null,
      };
      const carried = isCarried ? { amount: held.amountUcr, expiresAt: held.expiresAt.getTime() } : null;
      return { call, expected: { account: life.owner(owner).account, id: held.id, state, cost, carried } };
    }),
  );
}

/** A hold that the database never got, or lost in a crash. */
function lose(life: Life, { user, amount, cost: units }: Wanted<'lose'>): Deed {
  const { user: owner, account } = life.owner(user);
  const lost = member(owner, BigInt(amount), { expiresAt: new Date(life.now + HOUR_MS) });
  const cost = BigInt(units);
  const carried = { amount: lost.amountUcr, expiresAt: lost.expiresAt.getTime() };
  const deed = ending(life, [
    {
      call: settlement(lost, cost, life.at()),
      expected: { account, id: lost.id, state: 'settled', cost, carried },
    },
  ]);
  life.holds.push({ owner: user, member: lost, heldAt: life.at() });
  return deed;
}

function ending(life: Life, members: { call: SettleMember; expected: reference.ReferenceSettlement }[]): Deed {
  if (members.length === 0) return { perform: () => Promise.resolve([]), predict: () => [] };
  const now = life.at();
  return {
    perform: async () => {
      const results = await life.money.holds.settle(
        members.map(({ call }) => call),
        now,
      );
      return results.map(({ outcome, state, costUcr, newDebtUcr, availableUcr }) => ({
        outcome,
        state,
        costUcr,
        newDebtUcr,
        availableUcr,
      }));
    },
    predict: () => {
      const outcomes = reference.settleBatch(
        members.map(({ expected }) => expected),
        life.now,
      );
      return members.map(({ expected: { account, id } }, index) => {
        const hold = account.holds.get(id);
        return {
          outcome: outcomes[index],
          state: hold?.state ?? null,
          costUcr: hold?.cost ?? 0n,
          newDebtUcr: hold?.newDebt ?? 0n,
          availableUcr: available(account, life.now),
        };
      });
    },
  };
}

function extend(life: Life, { members: wanted }: Wanted<'extend'>): Deed {
  const now = life.at();
  const picked = wanted.flatMap(({ pick, ttl }) => {
    const hold = recent(life.holds, pick, HOLDS_AT_HAND);
    return hold ? [{ ...hold, expiresAt: life.now + ttl }] : [];
  });
  const unique = picked.filter(
    (one, index) => picked.findIndex((other) => other.member.id === one.member.id) === index,
  );
  return {
    perform: () =>
      life.services.holds.extend(
        unique.map(({ member: { id, userId }, expiresAt }) => ({ id, userId, expiresAt: new Date(expiresAt) })),
        now,
      ),
    predict: () =>
      unique.map(({ owner, member: { id }, expiresAt }) => reference.extend(life.owner(owner).account, id, expiresAt)),
  };
}

/** Two replicas at the same moment. */
function sweep(life: Life): Deed {
  const now = life.at();
  return {
    perform: async () => {
      const swept = await Promise.allSettled(
        [life.services, life.otherServices].map(({ sweeper }) => sweeper.sweep(now)),
      );
      return swept.reduce((sum, one) => {
        if (one.status === 'rejected') throw one.reason;
        return sum + one.value;
      }, 0);
    },
    predict: () => life.owned.reduce((sum, { account }) => sum + reference.sweep(account, life.now), 0),
  };
}
