import fc from 'fast-check';
import { PRIORITY_MAX, queuePriorityOf, turnOf } from './turn.js';

const NOW = Date.UTC(2026, 10, 30);
const MINUTE_MS = 60_000;

/** The turns of jobs that are queued one after the other and none of which has begun. */
function queue(
  jobs: { user: string; priority: number; at: number }[],
): { user: string; priority: number; at: number; turn: Date }[] {
  const last = new Map<string, Date>();
  return jobs.map((job) => {
    const key = `${job.user} ${job.priority}`;
    const turn = turnOf({ queuedAt: new Date(job.at), priority: job.priority, lastOfUser: last.get(key) ?? null });
    last.set(key, turn);
    return { ...job, turn };
  });
}

describe('the turn of an analysis', () => {
  it('comes before whatever is queued later than the longest head start, however much and however urgent that is', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 500 }),
        fc.nat({ max: PRIORITY_MAX }),
        fc.nat({ max: PRIORITY_MAX }),
        (others, low, high) => {
          const flood = Array.from({ length: others }, (_, index) => ({
            user: `other ${index}`,
            priority: high,
            at: NOW + PRIORITY_MAX * MINUTE_MS + 1 + index,
          }));
          const [patient, ...rest] = queue([{ user: 'patient', priority: low, at: NOW }, ...flood]);
          expect(rest.every(({ turn }) => turn > patient!.turn)).toBe(true);
        },
      ),
    );
  });

  it('lets a light user pass the rest of a heavy one, and the urgent the patient', () => {
    const heavy = Array.from({ length: 100 }, () => ({ user: 'heavy', priority: 0, at: NOW }));
    const turns = queue([
      ...heavy,
      { user: 'light', priority: 0, at: NOW + 1_000 },
      { user: 'urgent', priority: 9, at: NOW + 1_000 },
    ]);
    const order = [...turns].sort((one, other) => one.turn.getTime() - other.turn.getTime()).map(({ user }) => user);
    expect(order.indexOf('urgent')).toBe(0);
    expect(order.indexOf('light')).toBe(2);
  });

  it('keeps a user’s own in the order of queueing, and does not punish who was heavy once the queue is empty', () => {
    const own = queue(Array.from({ length: 50 }, (_, index) => ({ user: 'one', priority: 3, at: NOW + index })));
    expect(own.every(({ turn }, index) => index === 0 || turn > own[index - 1]!.turn)).toBe(true);
    expect(turnOf({ queuedAt: new Date(NOW), priority: 0, lastOfUser: null })).toEqual(new Date(NOW));
  });

  it('becomes a greater number of the queue the earlier it is, within 32 bits', () => {
    fc.assert(
      fc.property(fc.nat({ max: 60 * 365 * 86_400 }), fc.nat({ max: 60 * 365 * 86_400 }), (one, other) => {
        const priorityOf = (seconds: number): number => queuePriorityOf(new Date(NOW + seconds * 1_000));
        expect(Math.sign(priorityOf(one) - priorityOf(other))).toBe(Math.sign(other - one));
        expect(Math.abs(priorityOf(one))).toBeLessThan(2 ** 31);
      }),
    );
  });
});
