import fc from 'fast-check';
import { nameKey } from './name-list.js';
import { poolNames } from './name-pool.js';

describe('the names of several models', () => {
  it('are each there once, credited to who speaks for them most', () => {
    const pool = poolNames([
      { model: 'a', names: ['Brewly', 'Kaffa'], weight: 1 },
      { model: 'b', names: ['kaffa!', 'Roast & Co'], weight: 3 },
    ]);
    expect(pool.map(({ name, models }) => [name, models])).toEqual([
      ['Kaffa', ['b', 'a']],
      ['Roast & Co', ['b']],
      ['Brewly', ['a']],
    ]);
    expect(pool[0]!.score).toBe(93.75);
  });

  it('score 100 where all agree at once, and nothing where no model counts', () => {
    expect(poolNames([{ model: 'a', names: ['X1'], weight: 2 }])[0]!.score).toBe(100);
    expect(poolNames([{ model: 'a', names: ['X1'], weight: 0 }])[0]!.score).toBe(0);
    expect(poolNames([{ model: 'a', names: [], weight: 1 }])).toEqual([]);
  });

  const name = fc.stringMatching(/^[A-Z][a-z]{1,4}$/);
  const answer = fc.record({
    model: fc.constantFrom('a', 'b', 'c', 'd'),
    names: fc.uniqueArray(name, { selector: nameKey, maxLength: 8 }),
    weight: fc.constantFrom<number>(0, 0.5, 1, 2, 10),
  });
  const answers = fc.uniqueArray(answer, { selector: ({ model }) => model, minLength: 1, maxLength: 4 });

  it('lose none, repeat none, and stay between 0 and 100', () => {
    fc.assert(
      fc.property(answers, (given) => {
        const pool = poolNames(given);
        const keys = pool.map(({ name: pooled }) => nameKey(pooled));
        expect(new Set(keys)).toEqual(new Set(given.flatMap(({ names }) => names.map(nameKey))));
        expect(keys.length).toBe(new Set(keys).size);
        for (const { score } of pool) expect(score >= 0 && score <= 100).toBe(true);
      }),
    );
  });

  it('never lose by a greater weight of a model that put them first', () => {
    fc.assert(
      fc.property(answers, fc.integer({ min: 1, max: 9 }), (given, more) => {
        const [favoured] = given;
        const first = favoured?.names[0];
        if (!favoured || first === undefined) return;
        const scoreOf = (some: typeof given) =>
          poolNames(some).find(({ name: pooled }) => nameKey(pooled) === nameKey(first))!.score;
        const louder = [{ ...favoured, weight: favoured.weight + more }, ...given.slice(1)];
        expect(scoreOf(louder)).toBeGreaterThanOrEqual(scoreOf(given));
      }),
    );
  });
});
