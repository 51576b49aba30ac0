import { z } from 'zod';
import { ChatMessage, MESSAGES_MAX } from './chat-message.js';
import { cacheControl } from './prompt-caching.js';

export const TOOLS_MAX = 128;
/** Longest model id or alias, the width of the column. */
export const MODEL_ID_LENGTH_MAX = 100;

const FUNCTION_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
export const functionName = z.string().regex(FUNCTION_NAME, 'must be 1 to 64 letters, digits, underscores or dashes');
export const jsonObject = z.record(z.string(), z.unknown());

const FunctionTool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: functionName,
    description: z.string().optional(),
    parameters: jsonObject.optional(),
    strict: z.boolean().nullish(),
  }),
  ...cacheControl,
});

const ToolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: functionName }) }),
  ],
  'must be none, auto, required or { type: "function", function: { name } }',
);

const ResponseFormat = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json_object') }),
    z.strictObject({
      type: z.literal('json_schema'),
      json_schema: z.strictObject({
        name: functionName,
        description: z.string().optional(),
        schema: jsonObject.optional(),
        strict: z.boolean().nullish(),
      }),
    }),
  ],
  'must have the type text, json_object or json_schema',
);

/** A parameter that the model's constraints decide about: its type and range are checked there, so that one answer lists every violation. */
export const constrained = (type: string | string[]) => z.unknown().optional().meta({ type });

/** Most pairs that a caller may note down. */
const METADATA_PAIRS_MAX = 16;

/** What a caller may note down with a request. Counted first: to judge many pairs takes long. */
export const metadata = z
  .preprocess(
    (pairs, context) => {
      if (typeof pairs !== 'object' || pairs === null || Object.keys(pairs).length <= METADATA_PAIRS_MAX) return pairs;
      context.addIssue({ code: 'custom', message: `must have at most ${METADATA_PAIRS_MAX} pairs` });
      return z.NEVER;
    },
    z.record(z.string().max(64), z.string().max(512)).nullish(),
  )
  .optional();

/** An id that the caller has for the end user, or for what may be cached together. */
export const callersId = z.string().max(512).nullish();

/** The body of `POST /v1/chat/completions`: every field that is accepted. Any other is unknown. */
export const ChatCompletionBody = z.strictObject({
  model: z.string().min(1).max(MODEL_ID_LENGTH_MAX),
  messages: z.array(ChatMessage).min(1).max(MESSAGES_MAX),
  temperature: constrained('number'),
  max_tokens: constrained('integer'),
  max_completion_tokens: constrained('integer'),
  top_p: constrained('number'),
  top_k: constrained('integer'),
  presence_penalty: constrained('number'),
  frequency_penalty: constrained('number'),
  stop: constrained(['string', 'array']),
  n: constrained('integer'),
  seed: constrained('integer'),
  logit_bias: constrained('object'),
  logprobs: constrained('boolean'),
  top_logprobs: constrained('integer'),
  reasoning_effort: constrained('string'),
  verbosity: constrained('string'),
  response_format: ResponseFormat.nullish(),
  tools: z.array(FunctionTool).max(TOOLS_MAX).nullish(),
  tool_choice: ToolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  user: callersId,
  safety_identifier: callersId,
  prompt_cache_key: callersId,
  metadata,
  /** The whole prompt is to be cached, as far as it goes. */
  ...cacheControl,
});
export type ChatCompletionBody = z.infer<typeof ChatCompletionBody> & {
  /** The tokens of thinking that Messages asks for beside the effort they are read as; no member of this format, and not sent in it. */
  thinking_budget?: number;
};

/** What no model prices, with the values that are the provider's default. */
export const PRICE_CHANGING = new Map<string, readonly unknown[]>([
  ['service_tier', ['default']],
  ['web_search_options', []],
  ['prediction', []],
  ['modalities', [['text']]],
  ['audio', []],
  ['store', [false]],
  ['prompt_cache_retention', ['in_memory']],
]);
