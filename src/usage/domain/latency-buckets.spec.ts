import fc from 'fast-check';
import { LATENCY_BOUNDS_MS, percentileMs } from './latency-buckets.js';

const LAST_BOUND_MS = LATENCY_BOUNDS_MS.at(-1)!;
const bucketOf = (ms: number): number => {
  const index = LATENCY_BOUNDS_MS.findIndex((bound) => ms < bound);
  return index < 0 ? LATENCY_BOUNDS_MS.length : index;
};
function countsOf(latencies: readonly number[]): number[] {
  const counts = Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, () => 0);
  for (const latency of latencies) counts[bucketOf(latency)]! += 1;
  return counts;
}

describe('percentiles from buckets', () => {
  it('has none without calls', () => {
    expect(percentileMs([], 0.5)).toBeNull();
    expect(percentileMs(countsOf([]), 0.99)).toBeNull();
  });

  it('lies in the bucket of the latency that the sorted list has at that place', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 200 }),
        fc.constantFrom(0.01, 0.5, 0.9, 0.95, 0.99, 1),
        (latencies, share) => {
          const exact = latencies.toSorted((a, b) => a - b)[Math.ceil(share * latencies.length) - 1]!;
          const read = percentileMs(countsOf(latencies), share)!;
          const bucket = bucketOf(exact);
          expect(read).toBeGreaterThanOrEqual(LATENCY_BOUNDS_MS[bucket - 1] ?? 0);
          expect(read).toBeLessThanOrEqual(LATENCY_BOUNDS_MS[bucket] ?? LAST_BOUND_MS);
        },
      ),
    );
  });

  it('never falls as the share grows', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 }), { minLength: 1, maxLength: 25 }), (counts) => {
        const read = [0.1, 0.5, 0.9, 0.99].map((share) => percentileMs(counts, share) ?? 0);
        expect(read).toEqual(read.toSorted((a, b) => a - b));
      }),
    );
  });
});
