import fc from 'fast-check';
import { outputLimitToThink, thinkingBudget, type ThinkingTerms } from './thinking-budget.js';

const TERMS: ThinkingTerms = { ofEffort: 6_400, least: 1_024, most: 32_768, outputLimit: 64_000 };
const tokens = fc.integer({ min: 1, max: 100_000 });

describe('the tokens that a model may think', () => {
  it.each([
    ['are those of the effort', {}, 6_400],
    ['are at most half of the output limit', { outputLimit: 4_000 }, 2_000],
    ['are at most what the model takes', { ofEffort: 58_982, most: 24_576 }, 24_576],
    ['are those that were asked for', { asked: 6_000, outputLimit: 8_000 }, 6_000],
    ['may be the fewest that the model takes', { asked: 1_024, outputLimit: 2_000 }, 1_024],
    ['are those of the effort where fewer were asked for than the model takes', { asked: 1_023 }, 6_400],
    ['are those of the effort where more were asked for than the model takes', { asked: 32_769 }, 6_400],
    ['are bounded where no answer would be left', { asked: 8_000, outputLimit: 8_000 }, 4_000],
    ['are none where the model takes no so few', { outputLimit: 2_047 }, null],
    ['may be as few as the model takes', { outputLimit: 2_048 }, 1_024],
  ])('%s', (_name, change, budget) => {
    expect(thinkingBudget({ ...TERMS, ...change })).toBe(budget);
  });

  it('are less than the output limit and within what the model takes, and there are some from the named limit on', () => {
    fc.assert(
      fc.property(tokens, tokens, fc.option(tokens, { nil: undefined }), (ofEffort, outputLimit, asked) => {
        const budget = thinkingBudget({ ...TERMS, ofEffort: Math.max(ofEffort, TERMS.least), outputLimit, asked });
        if (budget === null) return expect(outputLimit).toBeLessThan(outputLimitToThink(TERMS.least));
        expect(budget).toBeLessThan(outputLimit);
        expect(budget).toBeGreaterThanOrEqual(TERMS.least);
        expect(budget).toBeLessThanOrEqual(TERMS.most);
      }),
    );
  });
});
