import fc from 'fast-check';
import { limitStates, NOTHING_USED } from './limit-state.js';
import { rateLimitHeaders } from './rate-limit-headers.js';

const NOW = new Date('2028-02-29T23:59:30.250Z');
const LIMITS = {
  concurrentRequests: 8,
  requestsPerMinute: 60,
  tokensPerMinute: 1_000n,
  requestsPerDay: null,
  tokensPerDay: null,
  requestsPerMonth: 500,
  tokensPerMonth: null,
};

describe('the limits of a plan', () => {
  it('end with their minute, day and month in UTC', () => {
    const resets = limitStates(LIMITS, NOTHING_USED, NOW).map(({ window }) => window?.resetAt.toISOString());
    expect(new Set(resets)).toEqual(new Set([undefined, '2028-03-01T00:00:00.000Z']));
    const starts = limitStates(LIMITS, NOTHING_USED, NOW).map(({ window }) => window?.startsAt.toISOString());
    expect(starts.slice(1).filter((_, index) => index % 2 === 0)).toEqual([
      '2028-02-29T23:59:00.000Z',
      '2028-02-29T00:00:00.000Z',
      '2028-02-01T00:00:00.000Z',
    ]);
  });

  it('are told as the standard has it, each that there is', () => {
    const used = { ...NOTHING_USED, pending: 1, minuteRequests: 61, minuteTokens: 250n, monthRequests: 61 };
    expect(rateLimitHeaders(limitStates(LIMITS, used, NOW), NOW)).toEqual({
      'ratelimit-policy':
        '"concurrent_requests";q=8;qu="concurrent-requests", "requests_per_minute";q=60;w=60, ' +
        '"tokens_per_minute";q=1000;qu="tokens";w=60, "requests_per_month";q=500;w=2505600',
      ratelimit:
        '"concurrent_requests";r=7, "requests_per_minute";r=0;t=30, "tokens_per_minute";r=750;t=30, "requests_per_month";r=439;t=30',
    });
  });

  it('never say less than nothing, nor that waiting takes no time', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('2026-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }),
        fc.nat(1_000),
        (now, count) => {
          const states = limitStates(LIMITS, { ...NOTHING_USED, minuteRequests: count, monthRequests: count }, now);
          for (const { remaining, window, limit } of states) {
            expect((remaining === null) === (limit === null)).toBe(true);
            expect(remaining === null || remaining >= 0n).toBe(true);
            if (!window) continue;
            expect(window.startsAt <= now && now < window.resetAt).toBe(true);
          }
          expect(rateLimitHeaders(states, now)['ratelimit']).not.toContain('t=0');
        },
      ),
    );
  });
});
