import fc from 'fast-check';
import { fallbackAnswer } from './fallback-answer.js';
import { FallbackRules } from './fallback-rules.js';

const SENTIMENT = FallbackRules.parse({
  strategy: 'sentiment',
  positive: ['happy', 'proud'],
  negative: ['sad', 'tired'],
  themes: { work: ['office', 'boss'], family: ['mother'] },
});
const LABELS = FallbackRules.parse({
  strategy: 'keywords',
  labels: { billing: ['invoice', 'refund'], technical: ['crash'] },
  otherwise: 'other',
});

describe('the answer by rules', () => {
  it('weighs words, and says how sure it is', () => {
    expect(fallbackAnswer(SENTIMENT, 'Happy, happy and PROUD: the boss called. Only a little sad.')).toEqual({
      result: { sentiment: 'positive', score: 0.5, themes: ['work'] },
      confidence: 0.5,
    });
    expect(fallbackAnswer(SENTIMENT, 'Nothing.')).toEqual({
      result: { sentiment: 'neutral', score: 0, themes: [] },
      confidence: 0.1,
    });
    expect(fallbackAnswer(LABELS, 'The invoice shows a refund')?.result).toMatchObject({ label: 'billing' });
    expect(fallbackAnswer(LABELS, 'hello')?.result).toMatchObject({ label: 'other' });
  });

  it('takes the beginning for a summary', () => {
    const rules = FallbackRules.parse({ strategy: 'leading_sentences', sentences: 2 });
    expect(fallbackAnswer(rules, 'One. Two! Three?')?.result).toEqual({ summary: 'One. Two!', keyPoints: [] });
    expect(fallbackAnswer(rules, '...')?.result).toEqual({ summary: '...', keyPoints: [] });
  });

  it('ends with a whole character', () => {
    const rules = FallbackRules.parse({ strategy: 'leading_sentences', sentences: 1 });
    for (const text of [`${'a'.repeat(999)}😀.`, ` ${'.'.repeat(999)}😀`]) {
      const { summary } = fallbackAnswer(rules, text)!.result as { summary: string };
      expect([summary.isWellFormed(), summary.length]).toEqual([true, 999]);
    }
  });

  it('answers every text, and is never sure', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(SENTIMENT, LABELS), (text, rules) => {
        const answer = fallbackAnswer(rules, text);
        expect(answer?.confidence).toBeGreaterThan(0);
        expect(answer?.confidence).toBeLessThan(1);
      }),
    );
    expect(fallbackAnswer({ strategy: 'none' }, 'text')).toBeNull();
  });
});
