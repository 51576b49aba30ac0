import type { ReportedUsage } from './reported-usage.js';

/** What chat templates usually add per message, and once to open the answer. */
const TOKENS_PER_MESSAGE = 4;
const TOKENS_OF_OPENING = 3;

export interface EstimateTerms {
  messageCount: number;
  /** What the provider adds to this request because of its tools; 0 without any. */
  toolPromptTokens: number;
  imageTokens: number;
  /** Counted tokens of the prompt's texts and of what was generated; null where they could not be counted in time. */
  counted: { prompt: number; generated: number } | null;
  generatedBytes: number;
  /** What the hold assumed: an estimate never exceeds it. */
  inputTokensMax: number;
  outputTokensMax: number;
}

/** Usage for an answer whose provider reported none: counted where there was time to count, otherwise the bound stands. */
export function estimateUsage(terms: EstimateTerms): ReportedUsage {
  const { counted, imageTokens } = terms;
  const structure = terms.messageCount * TOKENS_PER_MESSAGE + TOKENS_OF_OPENING + terms.toolPromptTokens;
  const input = counted === null ? terms.inputTokensMax : counted.prompt + structure + imageTokens;
  const output = counted === null ? terms.generatedBytes : counted.generated;
  return {
    inputTokens: Math.min(input, terms.inputTokensMax),
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    imageTokens,
    outputTokens: Math.min(output, terms.generatedBytes, terms.outputTokensMax),
    reasoningTokens: 0,
  };
}
