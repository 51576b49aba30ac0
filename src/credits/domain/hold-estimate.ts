/** What a message adds beside its text: role, separators, names. */
export const TOKENS_PER_MESSAGE = 16;

/** What is known of a request's input before anything is counted. Bytes are UTF-8. */
export interface RequestSize {
  textBytes: number;
  messageCount: number;
  /** JSON length of tools and schemas, 0 without any. */
  schemaBytes: number;
  /** What the provider adds to the prompt when tools are sent. */
  toolPromptTokens: number;
  imageTokens: number;
}

/** The dearest µcr per token that can apply. */
export interface BoundRates {
  inputUcr: bigint;
  outputUcr: bigint;
}

/** No byte-level tokenizer makes more tokens than bytes, in any vocabulary: the input cannot have more tokens than this. */
export function inputBoundTokens(size: RequestSize): number {
  const tools = size.schemaBytes > 0 ? size.schemaBytes + size.toolPromptTokens : 0;
  return size.textBytes + TOKENS_PER_MESSAGE * size.messageCount + tools + size.imageTokens;
}

export interface OutputLimits {
  requested: number | null;
  /** The default of the model's constraint. */
  constraintDefault: number | null;
  maxOutputTokens: number;
  /** The product's own default, for models without one. */
  outputTokensDefault: number;
  contextLength: number;
  inputTokens: number;
}

/** The output limit of one choice that a hold assumes and that is sent upstream; 0 where the context leaves no room. */
export function effectiveMaxOutput(limits: OutputLimits): number {
  const wanted =
    limits.requested ?? limits.constraintDefault ?? Math.min(limits.maxOutputTokens, limits.outputTokensDefault);
  return Math.max(0, Math.min(wanted, limits.contextLength - limits.inputTokens));
}

/** The most a request can cost in µcr; `outputTokens` is that of all choices. Rates are whole, so there is nothing to round. */
export function upperBoundUcr(rates: BoundRates, bounds: { inputTokens: number; outputTokens: number }): bigint {
  return BigInt(bounds.inputTokens) * rates.inputUcr + BigInt(bounds.outputTokens) * rates.outputUcr;
}

export interface OutputRoom {
  availableUcr: bigint;
  inputTokens: number;
  choices: number;
  /** What was asked for: the answer is never above it. */
  maxOutputTokens: number;
}

/** The largest output limit per choice that `availableUcr` covers, or null when it does not cover the input and one token of output. */
export function largestMaxTokens(rates: BoundRates, room: OutputRoom): number | null {
  const left = room.availableUcr - BigInt(room.inputTokens) * rates.inputUcr;
  const perToken = rates.outputUcr * BigInt(room.choices);
  if (left < 0n || room.maxOutputTokens < 1) return null;
  if (perToken === 0n || left / perToken >= BigInt(room.maxOutputTokens)) return room.maxOutputTokens;
  const largest = Number(left / perToken);
  return largest >= 1 ? largest : null;
}
