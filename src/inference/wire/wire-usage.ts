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
