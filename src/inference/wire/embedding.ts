import { z } from 'zod';
import type { FieldError } from '../../common/errors/app-error.js';
import { MODEL_ID_LENGTH_MAX } from './chat-completion.js';
import { type BodyForm, readBody } from './read-body.js';

/** Most texts of one request, as OpenAI takes them. */
export const INPUTS_MAX = 2_048;
/** Longest list of tokens for one input: longer than the context of any model that embeds. */
const TOKENS_MAX = 131_072;
/** More components than any model has. */
const DIMENSIONS_MAX = 16_384;
/** Components of one answer: as many as the most inputs have of the largest models in use. More would fill the memory. */
const COMPONENTS_MAX = INPUTS_MAX * 4_096;

const text = z.string().min(1);
const tokens = z.array(z.number().int().min(0)).min(1).max(TOKENS_MAX);
const INPUT = 'must be a text, a list of texts, a list of tokens, or a list of such lists';

/** The body of `POST /v1/embeddings`: every field that is accepted. */
export const EmbeddingBody = z.strictObject({
  model: z.string().min(1).max(MODEL_ID_LENGTH_MAX),
  input: z.union([text, z.array(text).min(1).max(INPUTS_MAX), tokens, z.array(tokens).min(1).max(INPUTS_MAX)], INPUT),
  encoding_format: z.enum(['float', 'base64']).optional(),
  dimensions: z.number().int().min(1).max(DIMENSIONS_MAX).optional(),
  user: z.string().max(512).optional(),
});
export type EmbeddingBody = z.infer<typeof EmbeddingBody>;

const FORM: BodyForm<EmbeddingBody> = {
  schema: EmbeddingBody,
  priceChanging: new Map(),
  check: (body) => ({ failed: dimensionFaults(body), unsupported: [] }),
};

export interface ParsedEmbedding {
  body: EmbeddingBody;
  /** Fields that were left out because the caller asked for that. */
  dropped: string[];
}

/**
 * Reads a body as it came.
 * @throws as `readBody` does.
 */
export function parseEmbedding(raw: unknown, options: { dropUnsupported: boolean }): ParsedEmbedding {
  return readBody(withoutNulls(raw), FORM, options);
}

function dimensionFaults(body: EmbeddingBody): FieldError[] {
  const { dimensions = 1 } = body;
  const inputs = inputsOf(body).length;
  const most = Math.floor(COMPONENTS_MAX / inputs);
  if (dimensions <= most) return [];
  return [
    { field: 'dimensions', message: `must be at most ${most} for ${inputs} inputs: send fewer inputs at a time` },
  ];
}

/** Each input by itself, in its order. */
export function inputsOf({ input }: EmbeddingBody): (string | number[])[] {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as string[] | number[][]);
}

export interface EmbeddingList {
  object: 'list';
  data: { object: 'embedding'; index: number; embedding: number[] | string }[];
  model: string;
  usage: { prompt_tokens: number; total_tokens: number };
}

/** A vector as the caller asked for it, whichever way the provider wrote it: base64 is of 32-bit floats, little-endian. */
export function encodeVector(vector: number[] | string, format: EmbeddingBody['encoding_format']): number[] | string {
  if (format === 'base64') return typeof vector === 'string' ? vector : toBase64(vector);
  return typeof vector === 'string' ? fromBase64(vector) : vector;
}

function toBase64(vector: number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, component] of vector.entries()) bytes.writeFloatLE(component, index * 4);
  return bytes.toString('base64');
}

function fromBase64(text: string): number[] {
  const bytes = Buffer.from(text, 'base64');
  const vector: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) vector.push(bytes.readFloatLE(at));
  return vector;
}

/** Clients write null for what they leave out. */
function withoutNulls(raw: unknown): unknown {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return raw;
  return Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null));
}
