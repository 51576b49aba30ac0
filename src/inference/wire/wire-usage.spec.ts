import fc from 'fast-check';
import { readWireUsage, toWireUsage } from './wire-usage.js';

const usage = (prompt: number, completion: number, more: object = {}) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
  ...more,
});
const inPrompt = (details: object) => usage(1_000, 20, { prompt_tokens_details: details });
const reasoned = (completion: number, reasoning: number, total: number) => ({
  ...usage(32, completion),
  total_tokens: total,
  completion_tokens_details: { reasoning_tokens: reasoning },
});
const tokens = fc.nat(1_000_000);

describe('the usage that a provider reports', () => {
  it.each([
    [{}, { cachedInputTokens: 0, cacheWriteTokens: 0 }],
    [{ cached_tokens: 400 }, { cachedInputTokens: 400, cacheWriteTokens: 0 }],
    [
      { cached_tokens: 100, cache_write_tokens: 900 },
      { cachedInputTokens: 100, cacheWriteTokens: 900 },
    ],
    [
      { cached_tokens: null, cache_write_tokens: null },
      { cachedInputTokens: 0, cacheWriteTokens: 0 },
    ],
  ])('has the parts of its prompt: %j', (details, parts) => {
    expect(readWireUsage(inPrompt(details))).toMatchObject({ inputTokens: 1_000, outputTokens: 20, ...parts });
  });

  it.each([{ cached_tokens: 200, cache_write_tokens: 801 }, { cache_write_tokens: -1 }, { cache_write_tokens: 0.5 }])(
    'is not believed with parts that cannot be: %j',
    (details) => {
      expect(readWireUsage(inPrompt(details))).toBeNull();
    },
  );

  it.each([
    [258, 258],
    [0, undefined],
    [1_001, undefined],
    [-1, undefined],
    ['many', undefined],
  ])('has the tokens of images where they are told: %j', (told, imageTokens) => {
    expect(readWireUsage(inPrompt({ image_tokens: told }))?.imageTokens).toBe(imageTokens);
  });

  it.each([
    ['beside the completion, as the total shows', reasoned(9, 1_000, 1_041), 1_009],
    ['beside a larger completion', reasoned(50, 30, 112), 80],
    ['inside the completion', reasoned(50, 30, 82), 50],
    ['inside the completion, where the total says neither', reasoned(50, 30, 0), 50],
  ])('has reasoning %s', (_name, reported, outputTokens) => {
    expect(readWireUsage(reported)).toMatchObject({ inputTokens: 32, outputTokens });
  });

  it('is not believed with more reasoning than output', () => {
    expect(readWireUsage(reasoned(9, 1_000, 41))).toBeNull();
  });

  it('is the same after it was written and read again', () => {
    fc.assert(
      fc.property(fc.array(tokens, { minLength: 5, maxLength: 5 }), (parts) => {
        const [uncached, cached, written, spoken, reasoning] = parts as [number, number, number, number, number];
        const reported = {
          inputTokens: uncached + cached + written,
          cachedInputTokens: cached,
          cacheWriteTokens: written,
          outputTokens: spoken + reasoning,
          reasoningTokens: reasoning,
        };
        expect(readWireUsage(toWireUsage(reported))).toEqual(reported);
      }),
    );
  });
});
