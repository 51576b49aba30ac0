import { beginningOf } from '../../common/domain/storable.js';
import type { FallbackRules } from './fallback-rules.js';

export interface FallbackAnswer {
  result: Record<string, unknown>;
  /** 0 to 1: how much of the text the rules found something to go by in. */
  confidence: number;
}

/** Rules read no further: what a text is about shows in its beginning. */
const CHARACTERS_READ_MAX = 100_000;
/** A rule that meets this many words it knows is as sure as rules get. */
const SURE_AFTER_WORDS = 6;
/** No rule is as good as a model. */
const CONFIDENCE_MAX = 0.7;
const CONFIDENCE_MIN = 0.1;
const LEADING_CONFIDENCE = 0.4;
const SUMMARY_LENGTH_MAX = 1_000;

/** What the rules make of a text; null where there are none. */
export function fallbackAnswer(rules: FallbackRules, text: string): FallbackAnswer | null {
  const read = beginningOf(text, CHARACTERS_READ_MAX);
  switch (rules.strategy) {
    case 'sentiment':
      return sentiment(rules, wordsOf(read));
    case 'leading_sentences':
      return leadingSentences(read, rules.sentences);
    case 'keywords':
      return keywords(rules, wordsOf(read));
    case 'none':
      return null;
  }
}

function sentiment(
  rules: Extract<FallbackRules, { strategy: 'sentiment' }>,
  counted: ReadonlyMap<string, number>,
): FallbackAnswer {
  const positive = countOf(rules.positive, counted);
  const negative = countOf(rules.negative, counted);
  const found = positive + negative;
  const score = found === 0 ? 0 : (positive - negative) / found;
  const themes = Object.keys(rules.themes).filter((theme) => countOf(rules.themes[theme] ?? [], counted) > 0);
  const mood = Math.abs(score) < 0.2 ? 'neutral' : score > 0 ? 'positive' : 'negative';
  return { result: { sentiment: mood, score, themes }, confidence: confidenceOf(found) };
}

function keywords(
  { labels, otherwise }: Extract<FallbackRules, { strategy: 'keywords' }>,
  counted: ReadonlyMap<string, number>,
): FallbackAnswer {
  const counts = Object.entries(labels).map(([label, listed]) => ({ label, found: countOf(listed, counted) }));
  const best = counts.reduce((one, other) => (other.found > one.found ? other : one), { label: otherwise, found: 0 });
  return { result: { label: best.label, reason: reasonFor(best.found) }, confidence: confidenceOf(best.found) };
}

function leadingSentences(text: string, sentences: number): FallbackAnswer {
  const found = text.match(/[^.!?\n]+[.!?]*/g)?.map((sentence) => sentence.trim()) ?? [];
  const leading = found.filter((sentence) => sentence !== '').slice(0, sentences);
  const summary = beginningOf(leading.join(' ') || text.trim(), SUMMARY_LENGTH_MAX);
  return { result: { summary, keyPoints: [] }, confidence: LEADING_CONFIDENCE };
}

function reasonFor(found: number): string {
  return found === 0 ? 'no known word occurs' : `${found} known ${found === 1 ? 'word' : 'words'} of this label`;
}

function confidenceOf(found: number): number {
  const share = Math.min(1, found / SURE_AFTER_WORDS);
  return Number((CONFIDENCE_MIN + share * (CONFIDENCE_MAX - CONFIDENCE_MIN)).toFixed(3));
}

function wordsOf(text: string): ReadonlyMap<string, number> {
  const counted = new Map<string, number>();
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}]+/gu)) counted.set(word, (counted.get(word) ?? 0) + 1);
  return counted;
}

function countOf(listed: readonly string[], counted: ReadonlyMap<string, number>): number {
  return listed.reduce((sum, word) => sum + (counted.get(word.toLowerCase()) ?? 0), 0);
}
