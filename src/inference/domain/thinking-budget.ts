/** Of the output limit: the rest is for the answer itself. */
const THINKING_SHARE = 0.5;

export interface ThinkingTerms {
  /** Tokens that the asked effort stands for. */
  ofEffort: number;
  /** What the caller asked for in tokens, where the wire format has a word for it. */
  asked?: number | undefined;
  /** What the model takes. */
  least: number;
  most: number;
  /** The output limit that was held: thinking counts against it. */
  outputLimit: number;
}

/**
 * How many tokens a model may think: what the caller asked for where the model takes it, otherwise what the effort stands for and at most
 * half of the output limit, so that an answer is never all thought. Null where that is less than the model takes.
 */
export function thinkingBudget({ ofEffort, asked, least, most, outputLimit }: ThinkingTerms): number | null {
  if (asked !== undefined && asked >= least && asked <= most && asked < outputLimit) return asked;
  const budget = Math.min(ofEffort, most, Math.floor(outputLimit * THINKING_SHARE));
  return budget >= least ? budget : null;
}

/** The smallest output limit with room for any thinking. */
export function outputLimitToThink(least: number): number {
  return Math.ceil(least / THINKING_SHARE);
}
