import { type LimitState, secondsUntil } from './limit-state.js';

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10): each limit of the plan with its quota, window and unit, and
 * what is left of it. Nothing for limits that the plan does not have.
 */
export function rateLimitHeaders(states: readonly LimitState[], now: Date): Record<string, string> {
  const limits = states.filter(({ limit }) => limit !== null);
  if (limits.length === 0) return {};
  return {
    'ratelimit-policy': limits.map(policyOf).join(', '),
    ratelimit: limits
      .map(({ name, remaining, window }) =>
        [`"${name}"`, `r=${remaining ?? 0n}`, ...(window ? [`t=${secondsUntil(window.resetAt, now)}`] : [])].join(';'),
      )
      .join(', '),
  };
}

function policyOf({ name, limit, window }: LimitState): string {
  const unit = unitOf(name);
  return [
    `"${name}"`,
    `q=${limit ?? 0n}`,
    ...(unit ? [`qu="${unit}"`] : []),
    ...(window ? [`w=${(window.resetAt.getTime() - window.startsAt.getTime()) / 1_000}`] : []),
  ].join(';');
}

/** Requests are the unit that goes without saying. */
function unitOf(name: LimitState['name']): string | null {
  if (name === 'concurrent_requests') return 'concurrent-requests';
  return name.startsWith('tokens') ? 'tokens' : null;
}
