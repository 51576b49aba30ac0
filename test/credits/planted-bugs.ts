import type { Operation } from './operations.js';

/** One rule taken out of a function of the database, and the life that notices. */
export interface PlantedBug {
  rule: string;
  /** In schema `tollgate`. */
  in: string;
  /** Each `from` must be there, and is replaced wherever it is. */
  replace: readonly (readonly [from: string, to: string])[];
  life: readonly Operation[];
}

const HOUR_MS = 3_600_000;
const LONG = 90 * 24 * HOUR_MS;

const reserve = (amount: number, ttl = LONG): Operation => ({ kind: 'reserve', members: [{ user: 0, amount, ttl }] });
/** Of the newest hold, or the one taken `pick` before it; in per cent of its amount. */
const end = (state: 'settled' | 'voided' | 'expired', per = 100, pick = 0): Operation => ({
  kind: 'settle',
  members: [{ pick, state, per, isCarried: true }],
});
const promo = (amount: number, lasts: number | null): Operation => ({
  kind: 'grant',
  user: 0,
  source: 'promo',
  amount,
  lasts,
});
const wait = (ms: number): Operation => ({ kind: 'wait', ms });
const boundary: Operation = { kind: 'boundary', user: 0, offset: 0 };
const close: Operation = { kind: 'close', user: 0 };

/** The grants as they are before the wait for the account's lock. */
export const READ_BEFORE_THE_LOCK: Omit<PlantedBug, 'life'> = {
  rule: 'grants are read after the wait for the lock',
  in: 'reserve_batch',
  replace: [
    [`  held_ids uuid[] := '{}';`, `  held_ids uuid[] := '{}'; early uuid[]; early_free bigint[];`],
    ['c.remaining_ucr - c.held_ucr as free', 'early_free[array_position(early, c.id)] as free'],
    [
      '  -- The accounts in key order,',
      '  select array_agg(c.id), array_agg(c.remaining_ucr - c.held_ucr) into early, early_free from credits c where c.user_id = any(p_users);\n  -- The accounts in key order,',
    ],
  ],
};

export const LOCKED_AS_THEY_COME: Omit<PlantedBug, 'life'> = {
  rule: 'accounts are locked in key order',
  in: 'reserve_batch',
  replace: [['order by a.user_id for update', 'order by array_position(p_users, a.user_id) for update']],
};

export const CLOSED_AGAIN: Omit<PlantedBug, 'life'> = {
  rule: 'a period is closed once',
  in: 'close_periods',
  replace: [['a.user_id is not null and c.user_id is null', 'a.user_id is not null']],
};

/** Lives of a user on plan pro: 60 a month, half of it carried, at most 25, and nothing below 4. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    rule: 'a close stamps the grants of its period',
    in: 'close_periods',
    replace: [
      [
        'expired_ucr = c.expired_ucr + x.free, closed_at = p_now, updated_at',
        'expired_ucr = c.expired_ucr + x.free, updated_at',
      ],
    ],
    life: [reserve(50), boundary, close, end('voided')],
  },
  {
    rule: 'a carry has a cap',
    in: 'close_periods',
    replace: [['least(lefts[i], p_caps[i])', 'lefts[i]']],
    life: [boundary, close],
  },
  {
    rule: 'a rest below the minimum is not carried',
    in: 'close_periods',
    replace: [['and lefts[i] >= p_min_carries[i]', '']],
    life: [reserve(58), end('settled'), boundary, close],
  },
  {
    rule: 'what comes back after the close is carried up to the cap that is left',
    in: 'end_special_slices',
    replace: [['least(x.back, coalesce(cap_left, 0))', 'x.back']],
    life: [reserve(50), boundary, close, end('voided')],
  },
  {
    rule: 'what comes back to an expired grant leaves as expiry',
    in: 'end_special_slices',
    replace: [['else c.expires_at <= p_now end', 'else false end']],
    life: [promo(30, HOUR_MS), reserve(20), wait(2 * HOUR_MS), end('voided')],
  },
  {
    rule: 'a hold ends by compare-and-set',
    in: 'settle_batch',
    replace: [[`and t.state = 'pending' and`, 'and']],
    life: [reserve(20), reserve(30), end('settled', 50), end('settled', 50)],
  },
  {
    rule: 'only what is over expires',
    in: 'settle_batch',
    replace: [[`and (p_states[i] <> 'expired' or t.expires_at <= p_now)`, '']],
    life: [reserve(20), end('expired')],
  },
  {
    rule: 'an answer after its hold expired is charged',
    in: 'settle_batch',
    replace: [[`where t.state = 'expired'`, 'where false']],
    life: [reserve(20, HOUR_MS), wait(2 * HOUR_MS), { kind: 'sweep' }, end('settled')],
  },
  {
    rule: 'a hold that the database lost is charged',
    in: 'settle_batch',
    replace: [[`where r.state = 'settled' and r.amount is not null`, 'where false']],
    life: [{ kind: 'lose', user: 0, amount: 10, cost: 12 }],
  },
  {
    rule: 'what comes back repays an open debt',
    in: 'repay_debt',
    replace: [['exit when rest = 0;', 'exit;']],
    life: [reserve(20), reserve(40), end('settled', 120), end('voided', 0, 1)],
  },
  {
    rule: 'cost that nothing covers becomes debt',
    in: 'charge_beyond_holds',
    replace: [['debt_ucr = t.debt_ucr + x.debt', 'debt_ucr = t.debt_ucr']],
    life: [reserve(60), end('settled', 150)],
  },
  {
    rule: 'costs beyond two holds are not paid from the same credits',
    in: 'charge_beyond_holds',
    replace: [['sum(r.rest) over (partition by r.user_id order by r.ord)::bigint', 'r.rest']],
    life: [
      reserve(20),
      reserve(20),
      {
        kind: 'settle',
        members: [0, 1].map((pick) => ({ pick, state: 'settled' as const, per: 175, isCarried: true })),
      },
    ],
  },
  {
    rule: 'a due period is closed before anything is held',
    in: 'reserve_batch',
    replace: [['when dues[k] <= p_now then', 'when false then']],
    life: [promo(30, null), boundary, reserve(10)],
  },
  {
    rule: 'nothing is held for a suspended subscription',
    in: 'reserve_batch',
    replace: [['when suspensions[k] is not null then', 'when false then']],
    life: [{ kind: 'act', user: 0, action: { name: 'suspend' } }, reserve(10)],
  },
  {
    rule: 'nobody who owes gets a hold',
    in: 'reserve_batch',
    replace: [['when p_amounts[i] > 0 and debts[k] > 0 then', 'when false then']],
    life: [reserve(60), end('settled', 150), promo(5, null), reserve(1)],
  },
  {
    rule: 'expired grants are not burned, whether or not a job ran',
    in: 'reserve_batch',
    replace: [['and (c.expires_at is null or c.expires_at > p_now)', '']],
    life: [promo(30, HOUR_MS), wait(2 * HOUR_MS), reserve(10)],
  },
  {
    rule: 'the time is a parameter',
    in: 'reserve_batch',
    replace: [['c.expires_at > p_now', 'c.expires_at > now()']],
    life: [promo(30, HOUR_MS), reserve(10)],
  },
  {
    rule: 'earlier expiry burns first',
    in: 'reserve_batch',
    replace: [['c.priority, c.expires_at nulls last, c.created_at, c.id', 'c.priority, c.created_at, c.id']],
    life: [promo(30, 9 * HOUR_MS), wait(1), promo(20, HOUR_MS), reserve(10)],
  },
  {
    rule: 'what is held does not expire before its hold ends',
    in: 'expire_grants',
    replace: [['c.remaining_ucr - c.held_ucr as free', 'c.remaining_ucr as free']],
    life: [promo(30, HOUR_MS), reserve(10), wait(2 * HOUR_MS), { kind: 'expire' }],
  },
];
