import { z } from 'zod';
import {
  callersId,
  constrained,
  functionName,
  jsonObject,
  metadata,
  MODEL_ID_LENGTH_MAX,
  TOOLS_MAX,
} from '../../wire/chat-completion.js';
import { CONTENT_PARTS_MAX, ignored, imageDetail, MESSAGES_MAX, name, toolCallId } from '../../wire/chat-message.js';
import { SEALED_LENGTH_MAX, unsealThinking } from './sealed-thinking.js';

/** As answers have them, for clients that hand back what they were answered. */
const answered = {
  id: z.string().max(256).nullish(),
  status: z.enum(['in_progress', 'completed', 'incomplete']).nullish(),
};

const InputText = z.strictObject({ type: z.literal('input_text'), text: z.string() });

const InputImage = z.strictObject({
  type: z.literal('input_image'),
  image_url: z.string().min(1),
  detail: imageDetail.nullish(),
  file_id: z.null().optional(),
});

const OutputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()).max(0).nullish(),
  logprobs: z.array(z.unknown()).max(0).nullish(),
  parsed: ignored,
});

const Refusal = z.strictObject({ type: z.literal('refusal'), refusal: z.string(), parsed: ignored });

const Message = z.strictObject({
  ...answered,
  type: z.literal('message').optional(),
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content: z.union(
    [
      z.string(),
      z
        .array(
          z.discriminatedUnion(
            'type',
            [InputText, InputImage, OutputText, Refusal],
            'must be a part of type input_text, input_image, output_text or refusal',
          ),
        )
        .min(1)
        .max(CONTENT_PARTS_MAX),
    ],
    'must be a string or an array of parts',
  ),
  phase: z.enum(['commentary', 'final_answer']).nullish(),
});

const FunctionCall = z.strictObject({
  ...answered,
  type: z.literal('function_call'),
  call_id: toolCallId,
  name,
  arguments: z.string(),
  parsed_arguments: ignored,
});

const FunctionCallOutput = z.strictObject({
  ...answered,
  type: z.literal('function_call_output'),
  call_id: toolCallId,
  output: z.union(
    [z.string(), z.array(InputText).max(CONTENT_PARTS_MAX)],
    'must be a string or an array of parts of type input_text',
  ),
});

const CHANGED =
  'must be what the answer had, unchanged: hand the item back as it came, or leave the item out and ask without reasoning.effort';

/** Read as the blocks in it: none where another server wrote it, which nobody here can read. */
const encryptedContent = z
  .string()
  .max(SEALED_LENGTH_MAX)
  .transform((sealed, context) => {
    const blocks = unsealThinking(sealed);
    if (blocks) return blocks;
    context.addIssue({ code: 'custom', message: CHANGED });
    return z.NEVER;
  });

const Reasoning = z.strictObject({
  ...answered,
  type: z.literal('reasoning'),
  summary: z.array(z.unknown()).max(CONTENT_PARTS_MAX),
  content: z.array(z.unknown()).max(CONTENT_PARTS_MAX).nullish(),
  encrypted_content: encryptedContent.nullish(),
});

const Item = z.discriminatedUnion(
  'type',
  [Message, FunctionCall, FunctionCallOutput, Reasoning],
  'must be an item of type message, function_call, function_call_output or reasoning',
);

const FunctionTool = z.strictObject({
  type: z.literal('function'),
  name: functionName,
  description: z.string().nullish(),
  parameters: jsonObject.nullish(),
  strict: z.boolean().nullish(),
});

const ToolChoice = z.union(
  [z.enum(['none', 'auto', 'required']), z.strictObject({ type: z.literal('function'), name: functionName })],
  'must be none, auto, required or { type: "function", name }',
);

const Format = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json_object') }),
    z.strictObject({
      type: z.literal('json_schema'),
      name: functionName,
      schema: jsonObject,
      description: z.string().optional(),
      strict: z.boolean().nullish(),
    }),
  ],
  'must have the type text, json_object or json_schema',
);

const NOT_KEPT = 'this server keeps no answers';
/** What only works where answers are kept. */
const nothingKept = (advice: string) =>
  z
    .unknown()
    .refine((value) => (value ?? null) === null || value === false, `must be left out: ${NOT_KEPT}. ${advice}`)
    .optional()
    .meta({ type: 'null' });

/** What a caller may have included in the answer; all else that OpenAI offers belongs to tools of its own, or to no answer here. */
export const ENCRYPTED_CONTENT = 'reasoning.encrypted_content';
/** Clients gather the list from several places, and it may say the same twice. */
const INCLUDED_MAX = 16;

/** The body of `POST /v1/responses`: every field that is accepted. Any other is unknown. */
export const ResponsesBody = z.strictObject({
  model: z.string().min(1).max(MODEL_ID_LENGTH_MAX),
  input: z.union([z.string(), z.array(Item).min(1).max(MESSAGES_MAX)], 'must be a string or an array of items'),
  instructions: z.string().nullish(),
  max_output_tokens: constrained('integer'),
  temperature: constrained('number'),
  top_p: constrained('number'),
  reasoning: z
    .strictObject({ effort: constrained('string'), summary: z.enum(['auto', 'concise', 'detailed']).nullish() })
    .nullish(),
  text: z.strictObject({ format: Format.nullish(), verbosity: constrained('string') }).nullish(),
  tools: z.array(FunctionTool).max(TOOLS_MAX).nullish(),
  tool_choice: ToolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().nullish() }).nullish(),
  user: callersId,
  safety_identifier: callersId,
  prompt_cache_key: callersId,
  metadata,
  include: z.array(z.literal(ENCRYPTED_CONTENT)).max(INCLUDED_MAX).nullish(),
  truncation: z.literal('disabled').nullish(),
  store: nothingKept('Set it to false, or leave it out'),
  previous_response_id: nothingKept('Send the whole conversation as input'),
  conversation: nothingKept('Send the whole conversation as input'),
  background: nothingKept('Wait for the answer, or stream it'),
  prompt: nothingKept('Send the prompt itself as input'),
});
export type ResponsesBody = z.infer<typeof ResponsesBody>;
export type ResponsesItem = Exclude<ResponsesBody['input'], string>[number];

/** What no model prices, with the values that are the provider's default. */
export const RESPONSES_PRICE_CHANGING = new Map<string, readonly unknown[]>([
  ['service_tier', ['default']],
  ['prompt_cache_retention', ['in_memory']],
  ['prompt_cache_options', []],
  ['moderation', []],
]);
