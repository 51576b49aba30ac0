/** Tokens of one input that frame it, with every tokenizer in use. */
const TOKENS_PER_INPUT = 16;

export interface EmbeddingSize {
  /** Of all inputs: what is charged. */
  total: number;
  /** Of the longest one: what has to fit into the context. */
  longest: number;
}

/** The most tokens that these inputs can have: the bytes of a text, the length of a list of tokens; never more than the context takes. */
export function embeddingBound(inputs: readonly (string | readonly number[])[], contextLength: number): EmbeddingSize {
  const sizes = inputs.map((input) => (typeof input === 'string' ? Buffer.byteLength(input, 'utf8') : input.length));
  return {
    total: sizes.reduce((sum, size) => sum + Math.min(size, contextLength) + TOKENS_PER_INPUT, 0),
    longest: Math.max(...sizes),
  };
}

/** The same with what a tokenizer counted in place of the bytes of each text. */
export function countedEmbedding(
  inputs: readonly (string | readonly number[])[],
  counts: readonly number[],
): EmbeddingSize {
  const sizes = inputs.map((input, index) => (typeof input === 'string' ? (counts[index] ?? 0) : input.length));
  return { total: sizes.reduce((sum, size) => sum + size, 0), longest: Math.max(...sizes) };
}
