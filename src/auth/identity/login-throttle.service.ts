import { createHash } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { networkOf } from '../../common/domain/network.js';
import type { RequestOrigin } from './auth-event.recorder.js';
import { SignInThrottledError } from '../auth.errors.js';
import { KnownDevices } from './known-devices.js';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const BLOCK_FIRST_MS = 30 * SECOND_MS;
/** A block lifts itself: nobody can lock a user out for longer. */
const BLOCK_MAX_MS = 15 * MINUTE_MS;

/**
 * Attempts that are free of any block. The pair catches a guesser, the account a guesser on many addresses, the address a sprayer, `user_code`
 * an address that guesses the codes of devices; what one line to the internet is given counts as one address. A browser in which the account was
 * signed in before, `device`, is counted by itself: guesses of others cannot keep its person out.
 */
const FREE_ATTEMPTS = { pair: 5, account: 50, ip: 100, device: 5, user_code: 20 } as const;

type KeyKind = keyof typeof FREE_ATTEMPTS;

/**
 * How long it takes until one of them is forgotten: four an hour for an account, no more than its blocks let through, a hundred for an address.
 * Many people behind one fail now and then all day, and would otherwise add up to a block that never ends.
 */
const FORGOTTEN_MS: Readonly<Record<KeyKind, number>> = {
  pair: 15 * MINUTE_MS,
  account: 15 * MINUTE_MS,
  device: 15 * MINUTE_MS,
  ip: 36 * SECOND_MS,
  user_code: 3 * MINUTE_MS,
};

export interface Attempt {
  email: string;
  ip: string;
  /** What the browser sent; see {@link KnownDevices}. */
  cookies?: string | undefined;
}

/**
 * Counts sign-in attempts before the password is hashed, so that parallel guesses cannot slip past the count. Each block is longer than the
 * one before; when it ends, one more attempt is let through.
 */
@Injectable()
export class LoginThrottle {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
    private readonly devices: KnownDevices,
  ) {}

  /** Counts the attempt. @throws SignInThrottledError when the account, the address or the pair is blocked. */
  async admit(attempt: Attempt): Promise<void> {
    const device = this.devices.idOf(attempt.cookies, attempt.email);
    if (device !== undefined) return this.admitKeys([['device', deviceKey(attempt, device)]]);
    return this.admitKeys((['pair', 'account', 'ip'] as const).map((kind) => [kind, keyOf(kind, attempt)]));
  }

  /** Counts a code of a device that was typed. @throws SignInThrottledError when the address is blocked. */
  admitUserCode(ip: string): Promise<void> {
    return this.admitKeys([['user_code', userCodeKey(ip)]]);
  }

  /** A right code does not count. It takes one back and no more: a guesser has right codes of his own. */
  async forgiveUserCode(ip: string): Promise<void> {
    await this.takeBack([userCodeKey(ip)]);
  }

  /** A right password: the pair starts again, and the attempt does not count against the others. */
  async forgive(attempt: Attempt): Promise<void> {
    const device = this.devices.idOf(attempt.cookies, attempt.email);
    const own = device === undefined ? keyOf('pair', attempt) : deviceKey(attempt, device);
    await this.em.fork().execute('delete from login_throttle where key = ?', [own]);
    if (device === undefined) await this.takeBack([keyOf('account', attempt), keyOf('ip', attempt)]);
  }

  /**
   * Forgets what was counted for the account at each of its doors, in browsers that are known too, in the transaction of `em`. How many counts
   * that were.
   */
  async unblock({ id, email }: { id: string; email: string }, em: EntityManager): Promise<number> {
    const sql = 'delete from login_throttle where key = ? or starts_with(key, ?) or starts_with(key, ?) returning key';
    let forgotten = 0;
    for (const door of [email, factorDoor(id), resetDoor(email), changeDoor(id)]) {
      const account = accountHashOf(door);
      const keys = [`account:${account}`, `pair:${account}:`, `device:${account}:`];
      forgotten += (await em.execute<unknown[]>(sql, keys)).length;
    }
    return forgotten;
  }

  /** Forgets what was counted for the address, and with it for its network, in the transaction of `em`. How many counts that were. */
  async unblockAddress(ip: string, em: EntityManager): Promise<number> {
    const sender = networkOf(ip);
    const sql = `delete from login_throttle where key in (?, ?) or (starts_with(key, 'pair:') and right(key, ?) = ?) returning key`;
    return (await em.execute<unknown[]>(sql, [`ip:${sender}`, userCodeKey(ip), sender.length + 1, `:${sender}`]))
      .length;
  }

  /** What one of them refuses is counted for none: a sender who is blocked leaves no more rows, whatever accounts it names. */
  private async admitKeys(keys: [KeyKind, string][]): Promise<void> {
    const now = this.clock.now();
    await this.assertNoneBlocked(
      keys.map(([, key]) => key),
      now,
    );
    for (const [kind, key] of keys) {
      // Blocked in between, by attempts at the same moment.
      if (!(await this.count(kind, key, now))) await this.assertNoneBlocked([key], now);
    }
  }

  /** The first refusal of a block leaves its mark, so that it can be told from those that follow. @throws SignInThrottledError */
  private async assertNoneBlocked(keys: string[], now: Date): Promise<void> {
    const [blocked] = await this.em.fork().execute<{ until: Date | string; isFirst: boolean }[]>(
      `with blocked as (
         select key, blocked_until from login_throttle where key in (?) and blocked_until > ? order by blocked_until desc limit 1),
       marked as (
         update login_throttle t set updated_at = t.blocked_until from blocked b
         where t.key = b.key and t.blocked_until = b.blocked_until and t.updated_at < t.blocked_until returning t.key)
       select b.blocked_until as until, exists (select from marked) as "isFirst" from blocked b`,
      [keys, now],
    );
    if (!blocked) return;
    const waitMs = Math.max(new Date(blocked.until).getTime() - now.getTime(), 1);
    throw new SignInThrottledError(Math.ceil(waitMs / 1000), blocked.isFirst);
  }

  /** As if the attempt had not been: with its count goes the block that it began, as others were refused and not counted since then. */
  private async takeBack(keys: string[]): Promise<void> {
    const sql = 'update login_throttle set failures = greatest(failures - 1, 0), blocked_until = null where key in (?)';
    await this.em.fork().execute(sql, [keys]);
  }

  /**
   * Whether the attempt may be evaluated. One statement, so that parallel attempts are counted one by one. `window_start` is since when none was
   * forgotten.
   */
  private async count(kind: KeyKind, key: string, now: Date): Promise<boolean> {
    const forgottenMs = FORGOTTEN_MS[kind];
    const counted = await this.em.fork().execute<unknown[]>(
      `insert into login_throttle as t (key, failures, window_start, updated_at) values (?, 1, ?, ?)
       on conflict (key) do update set (failures, window_start, updated_at, blocked_until) = (
         select kept + 1,
           case when kept = 0 then excluded.updated_at else t.window_start + forgotten * ? * interval '1 millisecond' end,
           excluded.updated_at,
           case when kept + 1 >= ? then
             excluded.updated_at + least(? * power(2, least(kept + 1 - ?, 20)), ?) * interval '1 millisecond' end
         from (select forgotten, greatest(t.failures - forgotten, 0) as kept from (
           select greatest(floor(extract(epoch from excluded.updated_at - t.window_start) * 1000 / ?), 0)::int as forgotten) f) k)
       where t.blocked_until is null or t.blocked_until <= excluded.updated_at
       returning failures`,
      [key, now, now, forgottenMs, FREE_ATTEMPTS[kind], BLOCK_FIRST_MS, FREE_ATTEMPTS[kind], BLOCK_MAX_MS, forgottenMs],
    );
    return counted.length > 0;
  }
}

/** What stands in the place of an address where something else than a password is tried or asked for: each is counted by itself. */
export const factorDoor = (userId: string): string => `factor:${userId}`;
export const resetDoor = (email: string): string => `reset:${email}`;
export const changeDoor = (userId: string): string => `change:${userId}`;

/** The attempt of a request; requests without a known address share one. */
export function attemptOf(email: string, origin: RequestOrigin): Attempt {
  return { email, ip: origin.ip ?? 'unknown', cookies: origin.cookies };
}

function deviceKey({ email }: Attempt, id: string): string {
  return `device:${accountHashOf(email)}:${id}`;
}

function userCodeKey(ip: string): string {
  return `user_code:${networkOf(ip)}`;
}

/** Addresses are hashed: the table needs to recognise them, not to know them. */
function accountHashOf(email: string): string {
  return createHash('sha256').update(email.toLowerCase()).digest('base64url');
}

function keyOf(kind: 'pair' | 'account' | 'ip', attempt: Attempt): string {
  const account = accountHashOf(attempt.email);
  switch (kind) {
    case 'pair':
      return `pair:${account}:${networkOf(attempt.ip)}`;
    case 'account':
      return `account:${account}`;
    case 'ip':
      return `ip:${networkOf(attempt.ip)}`;
  }
}
