import { LRUCache } from 'lru-cache';
import type { RequestLimits } from '../credits/domain/request-limits.js';
import { type LimitState, limitStates, NOTHING_USED } from './domain/limit-state.js';

/** Users remembered at a time: those beyond are asked of the database, which knows. */
const USERS_MAX = 10_000;
/**
 * How long the database need not be asked again. It bounds how late a user learns of another reason for a refusal, and leaves one question in
 * two seconds of a client that does not stop.
 */
const CONFIRMED_MS = 2_000;

/**
 * The limits that the database has said are used up. Only numbers of requests are remembered: they never fall within their window, while
 * tokens are given back by every settlement and places by every answer. So what is refused here would be refused there.
 */
export class ExhaustedLimits {
  private readonly known = new LRUCache<string, LimitState>({ max: USERS_MAX, ttl: CONFIRMED_MS });

  /** Takes note of what `reserve` counted. */
  note(userId: string, states: readonly LimitState[]): void {
    const used = states.find(({ name, remaining }) => name.startsWith('requests') && remaining === 0n);
    if (used) this.known.set(userId, used);
  }

  has(userId: string): boolean {
    return this.known.has(userId);
  }

  /** The limit that refuses every request of the user at `now`, or null where only the database can tell. `limits` are those of the plan now. */
  find(userId: string, limits: RequestLimits, now: Date): LimitState | null {
    const state = this.known.get(userId);
    if (!state?.window || now < state.window.startsAt || now >= state.window.resetAt) return null;
    const present = limitStates(limits, NOTHING_USED, now).find(({ name }) => name === state.name);
    return present?.limit === state.limit ? state : null;
  }
}
