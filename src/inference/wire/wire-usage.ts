import type { ReportedUsage } from '../domain/reported-usage.js';
import type { WireUsage } from './chat-answer.js';

/** Normalised usage as OpenAI writes it. */
export function toWireUsage(usage: ReportedUsage): WireUsage {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens, cache_write_tokens: usage.cacheWriteTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}

/**
 * What a provider reported, normalised: OpenAI's prompt tokens include those read from the cache, written to it and seen, its completion
 * tokens include reasoning. Null where it reported nothing, or figures that cannot be (negative, fractional, parts larger than their whole):
 * those are estimated instead.
 */
export function readWireUsage(usage: Partial<WireUsage> | null | undefined): ReportedUsage | null {
  if (!usage) return null;
  const { prompt_tokens: inputTokens, prompt_tokens_details: details } = usage;
  const cachedInputTokens = details?.cached_tokens ?? 0;
  const cacheWriteTokens = details?.cache_write_tokens ?? 0;
  const reasoningTokens = usage.completion_tokens_details?.reasoning_tokens ?? 0;
  if (!isCount(inputTokens) || !isCount(cachedInputTokens) || !isCount(cacheWriteTokens)) return null;
  if (!isCount(usage.completion_tokens) || !isCount(reasoningTokens)) return null;
  const isApart = countsReasoningApart(usage, reasoningTokens);
  const outputTokens = usage.completion_tokens + (isApart ? reasoningTokens : 0);
  if (cachedInputTokens + cacheWriteTokens > inputTokens || reasoningTokens > outputTokens || !isCount(outputTokens)) {
    return null;
  }
  const imageTokens = imageTokensOf(details?.image_tokens, inputTokens);
  return {
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens,
    ...(imageTokens !== null && { imageTokens }),
    outputTokens,
    reasoningTokens,
  };
}

/** xAI's servers leave reasoning out of the completion tokens; that they charge for it is seen by the total, and by nothing else. */
function countsReasoningApart(usage: Partial<WireUsage>, reasoningTokens: number): boolean {
  const { prompt_tokens: prompt = 0, completion_tokens: completion = 0, total_tokens: total } = usage;
  return reasoningTokens > 0 && total === prompt + completion + reasoningTokens;
}

/** The part of the prompt that was images, where it is told: zero is what servers write that do not count them. */
function imageTokensOf(told: unknown, inputTokens: number): number | null {
  return isCount(told) && told > 0 && told <= inputTokens ? told : null;
}

/** The ledger's columns are 32-bit; no request uses as much. */
const TOKENS_MAX = 2_147_483_647;

/** Whether a figure can be a count of tokens at all. */
export function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= TOKENS_MAX;
}
