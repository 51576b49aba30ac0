import { type LimitState, secondsUntil } from './limit-state.js';

/** What a quota counts. Requests go without saying. */
const UNITS: Partial<Record<LimitState['name'], string>> = {
  concurrent_requests: ';qu="concurrent-requests"',
  tokens_per_minute: ';qu="tokens"',
  tokens_per_day: ';qu="tokens"',
  tokens_per_month: ';qu="tokens"',
};

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10): each limit of the plan with its quota, window and unit, and
 * what is left of it. Nothing for limits that the plan does not have.
 */
export function rateLimitHeaders(states: readonly LimitState[], now: Date): Record<string, string> {
  const policies: string[] = [];
  const rests: string[] = [];
  for (const { name, limit, remaining, window } of states) {
    if (limit === null) continue;
    const [length, left] = window ? [`;w=${secondsOf(window)}`, `;t=${secondsUntil(window.resetAt, now)}`] : ['', ''];
    policies.push(`"${name}";q=${limit}${UNITS[name] ?? ''}${length}`);
    rests.push(`"${name}";r=${remaining ?? 0n}${left}`);
  }
  return policies.length === 0 ? {} : { 'ratelimit-policy': policies.join(', '), ratelimit: rests.join(', ') };
}

function secondsOf({ startsAt, resetAt }: NonNullable<LimitState['window']>): number {
  return (resetAt.getTime() - startsAt.getTime()) / 1_000;
}
