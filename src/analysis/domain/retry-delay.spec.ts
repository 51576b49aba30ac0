import fc from 'fast-check';
import { ATTEMPTS_MAX, nextAttemptAt, retryDelayMs } from './retry-delay.js';

const unit = fc.double({ min: 0, max: 1, noNaN: true });

describe('the wait before another attempt', () => {
  it('grows up to a minute, and never lies further from that than by half', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), unit, (attempt, random) => {
        const full = retryDelayMs(attempt, 0);
        expect(full).toBeLessThanOrEqual(60_000);
        expect(retryDelayMs(attempt + 1, 0)).toBeGreaterThanOrEqual(full);
        expect(retryDelayMs(attempt, random)).toBeGreaterThanOrEqual(full / 2);
        expect(retryDelayMs(attempt, random)).toBeLessThanOrEqual(full);
      }),
    );
  });

  it('leads to no attempt after the last one, or too near to the deadline for an answer', () => {
    const now = new Date(Date.UTC(2026, 10, 30));
    const after = (ms: number): Date => new Date(now.getTime() + ms);
    expect(nextAttemptAt({ attempt: 1, now, deadlineAt: after(60_000), random: 0 })).toEqual(after(2_000));
    expect(nextAttemptAt({ attempt: 1, now, deadlineAt: after(5_000), random: 0 })).toEqual(after(2_000));
    expect(nextAttemptAt({ attempt: 1, now, deadlineAt: after(4_999), random: 0 })).toBeNull();
    expect(nextAttemptAt({ attempt: ATTEMPTS_MAX, now, deadlineAt: after(3_600_000), random: 0 })).toBeNull();
  });
});
