import type { ReportedUsage } from '../domain/reported-usage.js';
import type { WireUsage } from './chat-answer.js';

/** Normalised usage as OpenAI writes it. */
export function toWireUsage(usage: ReportedUsage): WireUsage {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}

/**
 * What a provider reported, normalised: OpenAI's prompt tokens include cached ones, its completion tokens include reasoning. Null where it
 * reported nothing, or figures that cannot be (negative, fractional, a part larger than its whole): those are estimated instead.
 */
export function readWireUsage(usage: Partial<WireUsage> | null | undefined): ReportedUsage | null {
  if (!usage) return null;
  const inputTokens = usage.prompt_tokens;
  const outputTokens = usage.completion_tokens;
  const cachedInputTokens = usage.prompt_tokens_details?.cached_tokens ?? 0;
  const reasoningTokens = usage.completion_tokens_details?.reasoning_tokens ?? 0;
  if (!isCount(inputTokens) || !isCount(outputTokens)) return null;
  if (!isCount(cachedInputTokens) || !isCount(reasoningTokens)) return null;
  if (cachedInputTokens > inputTokens || reasoningTokens > outputTokens) return null;
  return { inputTokens, cachedInputTokens, cacheWriteTokens: 0, outputTokens, reasoningTokens };
}

/** The ledger's columns are 32-bit; no request uses as much. */
const TOKENS_MAX = 2_147_483_647;

/** Whether a figure can be a count of tokens at all. */
export function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= TOKENS_MAX;
}
