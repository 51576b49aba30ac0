import { SentCalls } from './sent-calls.js';

describe('the ids of calls', () => {
  it('are distinct and of letters that Anthropic takes, and the same each time', () => {
    const idsOf = (): string[] => {
      const calls = new SentCalls();
      return ['a.b', 'a_b', 'a_b_1', 'a.b', 'c'].map((id) => calls.add(id, 'f').id);
    };
    expect(idsOf()).toEqual(['a_b', 'a_b_1', 'a_b_1_1', 'a_b_2', 'c']);
    expect(idsOf()).toEqual(idsOf());
  });

  // Removed once: the number that a name goes on with. Each id was then counted past all that were taken, which took longer than a spec may.
  it('are found at once where a conversation has taken the ids that they would get', () => {
    const count = 60_000;
    const calls = new SentCalls();
    calls.add('_', 'f');
    for (let number = 1; number <= count; number += 1) calls.add(`__${number}`, 'f');
    const ids = Array.from({ length: count }, (_, index) => calls.add(String.fromCodePoint(0x4e00 + index), 'f').id);
    expect(new Set(ids).size).toBe(count);
  });
});
