import { estimateUsage, type EstimateTerms } from './usage-estimate.js';

const TERMS: EstimateTerms = {
  messageCount: 2,
  toolPromptTokens: 0,
  imageTokens: 0,
  counted: { prompt: 10, generated: 7 },
  generatedBytes: 30,
  inputTokensMax: 100,
  outputTokensMax: 50,
};

describe('estimateUsage', () => {
  it('counts the text and adds what templates usually cost', () => {
    expect(estimateUsage(TERMS)).toMatchObject({ inputTokens: 10 + 2 * 4 + 3, outputTokens: 7, cachedInputTokens: 0 });
  });

  it('falls back to the bounds where nothing was counted', () => {
    expect(estimateUsage({ ...TERMS, counted: null })).toMatchObject({ inputTokens: 100, outputTokens: 30 });
  });

  it('never exceeds what the hold assumed', () => {
    const usage = estimateUsage({ ...TERMS, counted: { prompt: 5_000, generated: 5_000 }, generatedBytes: 5_000 });
    expect(usage).toMatchObject({ inputTokens: 100, outputTokens: 50 });
  });

  it('charges nothing for output that never came', () => {
    expect(estimateUsage({ ...TERMS, counted: null, generatedBytes: 0 }).outputTokens).toBe(0);
  });
});
