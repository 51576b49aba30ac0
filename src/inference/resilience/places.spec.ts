import fc from 'fast-check';
import { OverloadedError } from '../../common/errors/common.errors.js';
import { Places } from './places.js';

const NEVER = new AbortController().signal;

/** Who is in, who was turned away, in the order in which it happened. */
class Crowd {
  readonly inside: { user: string; leave: () => void }[] = [];
  readonly refused: string[] = [];

  constructor(private readonly places: Places) {}

  async enter(...users: string[]): Promise<void> {
    for (const user of users) {
      this.places.enter(user, NEVER).then(
        (leave) => this.inside.push({ user, leave }),
        (error: unknown) => {
          expect(error).toBeInstanceOf(OverloadedError);
          this.refused.push(user);
        },
      );
    }
    await settled();
  }

  async leave(user: string): Promise<void> {
    const [left] = this.inside.splice(
      this.inside.findIndex((one) => one.user === user),
      1,
    );
    left!.leave();
    await settled();
  }

  users(): string[] {
    return this.inside.map(({ user }) => user);
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('places', () => {
  it('are taken in the order of arrival where all have the same', async () => {
    const crowd = new Crowd(new Places(1, 3));
    await crowd.enter('ann', 'ben', 'cem');
    expect(crowd.users()).toEqual(['ann']);
    await crowd.leave('ann');
    expect(crowd.users()).toEqual(['ben']);
    await crowd.leave('ben');
    expect(crowd.users()).toEqual(['cem']);
  });

  /** Removed once: first come, first served, and Ben waited behind everything that Ann had sent. */
  it('go to who has the fewest when they become free', async () => {
    const crowd = new Crowd(new Places(3, 10));
    await crowd.enter(...Array.from({ length: 9 }, () => 'ann'), 'ben');
    await crowd.leave('ann');
    expect(crowd.users()).toEqual(['ann', 'ann', 'ben']);
  });

  /** Removed once: whoever came last was turned away, and Ann alone decided who that was. */
  it('cannot be kept from others by who fills the room to wait as well', async () => {
    const crowd = new Crowd(new Places(2, 2));
    await crowd.enter('ann', 'ann', 'ann', 'ann');
    await crowd.enter('ben');
    expect(crowd.refused).toEqual(['ann']);
    await crowd.leave('ann');
    expect(crowd.users()).toEqual(['ann', 'ben']);
    await crowd.enter('ann', 'ann');
    expect(crowd.refused).toEqual(['ann', 'ann']);
  });

  /** Removed once: who was given up stood in the room to wait until a place came free, and others were turned away for it. */
  it('are waited for by nobody who was given up', async () => {
    const places = new Places(1, 1);
    const crowd = new Crowd(places);
    await crowd.enter('ann');
    const given = new AbortController();
    const reason = new Error('too late');
    const waiting = places.enter('ben', given.signal);
    given.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(places.enter('ben', given.signal)).rejects.toBe(reason);
    await crowd.enter('cem');
    expect(crowd.refused).toEqual([]);
    await crowd.leave('ann');
    expect(crowd.users()).toEqual(['cem']);
  });

  it('are never too many, and never empty while somebody waits, whoever comes and goes', async () => {
    const step = fc.oneof(fc.constantFrom('ann', 'ben', 'cem'), fc.nat(5));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const crowd = new Crowd(new Places(3, 4));
        let came = 0;
        let left = 0;
        for (const next of steps) {
          const leaving = typeof next === 'number' ? crowd.inside[next % Math.max(1, crowd.inside.length)] : undefined;
          if (leaving) await crowd.leave(leaving.user);
          else if (typeof next === 'string') await crowd.enter(next);
          came += typeof next === 'string' ? 1 : 0;
          left += leaving ? 1 : 0;
          const waiting = came - left - crowd.refused.length - crowd.inside.length;
          expect(crowd.inside.length).toBeLessThanOrEqual(3);
          expect(waiting).toBeLessThanOrEqual(4);
          if (waiting > 0) expect(crowd.inside).toHaveLength(3);
        }
      }),
      { numRuns: 50 },
    );
  });
});
