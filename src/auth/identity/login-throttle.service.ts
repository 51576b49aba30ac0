import { createHash } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import type { RequestOrigin } from './auth-event.recorder.js';
import { SignInThrottledError } from '../auth.errors.js';

/** Failures are forgotten after this long without a new one. */
const WINDOW_MS = 60 * 60 * 1000;
const BLOCK_FIRST_MS = 30 * 1000;
/** A block lifts itself: nobody can lock a user out for longer. */
const BLOCK_MAX_MS = 15 * 60 * 1000;

/** Attempts that are free of any block. The pair catches a guesser, the account a guesser on many addresses, the address a sprayer. */
const FREE_ATTEMPTS = { pair: 5, account: 50, ip: 100 } as const;

type KeyKind = keyof typeof FREE_ATTEMPTS;

export interface Attempt {
  email: string;
  ip: string;
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
  ) {}

  /** Counts the attempt. @throws SignInThrottledError when the account, the address or the pair is blocked. */
  async admit(attempt: Attempt): Promise<void> {
    for (const kind of ['pair', 'account', 'ip'] as const) {
      const waitMs = await this.count(kind, keyOf(kind, attempt));
      if (waitMs > 0) throw new SignInThrottledError(Math.ceil(waitMs / 1000));
    }
  }

  /** A right password: the pair starts again, and the attempt does not count against the others. */
  async forgive(attempt: Attempt): Promise<void> {
    const em = this.em.fork();
    await em.execute('delete from login_throttle where key = ?', [keyOf('pair', attempt)]);
    await em.execute('update login_throttle set failures = greatest(failures - 1, 0) where key in (?, ?)', [
      keyOf('account', attempt),
      keyOf('ip', attempt),
    ]);
  }

  /** Milliseconds to wait, 0 when the attempt may be evaluated. One statement, so that parallel attempts are counted one by one. */
  private async count(kind: KeyKind, key: string): Promise<number> {
    const now = this.clock.now();
    const em = this.em.fork();
    const counted = await em.execute<{ failures: number }[]>(
      `insert into login_throttle as t (key, failures, window_start, updated_at) values (?, 1, ?, ?)
       on conflict (key) do update set
         failures = case when t.window_start < ? then 1 else t.failures + 1 end,
         window_start = excluded.window_start,
         updated_at = excluded.updated_at,
         blocked_until = case
           when t.window_start < ? or t.failures + 1 < ? then null
           else excluded.window_start + least(? * power(2, least(t.failures + 1 - ?, 20)), ?) * interval '1 millisecond' end
       where t.blocked_until is null or t.blocked_until <= excluded.window_start
       returning failures`,
      [
        key,
        now,
        now,
        new Date(now.getTime() - WINDOW_MS),
        new Date(now.getTime() - WINDOW_MS),
        FREE_ATTEMPTS[kind],
        BLOCK_FIRST_MS,
        FREE_ATTEMPTS[kind],
        BLOCK_MAX_MS,
      ],
    );
    if (counted.length > 0) return 0;
    const blocked = await em.execute<{ blocked_until: Date | string | null }[]>(
      'select blocked_until from login_throttle where key = ?',
      [key],
    );
    const until = blocked[0]?.blocked_until;
    return until ? Math.max(new Date(until).getTime() - now.getTime(), 1) : 0;
  }
}

/** The attempt of a request; requests without a known address share one. */
export function attemptOf(email: string, origin: RequestOrigin): Attempt {
  return { email, ip: origin.ip ?? 'unknown' };
}

/** Addresses are hashed: the table needs to recognise them, not to know them. */
function keyOf(kind: KeyKind, attempt: Attempt): string {
  const account = createHash('sha256').update(attempt.email.toLowerCase()).digest('base64url');
  switch (kind) {
    case 'pair':
      return `pair:${account}:${attempt.ip}`;
    case 'account':
      return `account:${account}`;
    case 'ip':
      return `ip:${attempt.ip}`;
  }
}
