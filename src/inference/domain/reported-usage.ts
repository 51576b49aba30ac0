/**
 * What a provider says it counted, normalised: `inputTokens` is all input billed, cached reads, cache writes and images included;
 * `outputTokens` includes `reasoningTokens`. Zero is zero; a provider that reports nothing reports null instead.
 */
export interface ReportedUsage {
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  imageTokens?: number;
  outputTokens: number;
  reasoningTokens: number;
}
