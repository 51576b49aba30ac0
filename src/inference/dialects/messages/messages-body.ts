import { z } from 'zod';
import { CONTENT_PARTS_MAX, MESSAGES_MAX, TOOL_CALLS_MAX, toolCallId } from '../../wire/chat-message.js';
import { callersId, constrained, jsonObject, MODEL_ID_LENGTH_MAX, TOOLS_MAX } from '../../wire/chat-completion.js';
import { CacheControl } from '../../wire/prompt-caching.js';

/** Anthropic's names of tools may be twice as long as OpenAI's. */
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,128}$/;
const toolName = z.string().regex(TOOL_NAME, 'must be 1 to 128 letters, digits, underscores or dashes');

/** Any form of it: what has no price, `unpricedCaching` finds, and a caller may have it left out. */
const cacheControl = z.unknown().optional().meta({ type: 'object' });

const TextBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  cache_control: cacheControl,
  /** As answers have it. */
  citations: z.array(z.unknown()).max(0).nullish(),
});

const ImageBlock = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion(
    'type',
    [
      z.strictObject({
        type: z.literal('base64'),
        media_type: z.string().regex(/^[a-z]+\/[a-z0-9.+-]+$/),
        data: z.string().min(1),
      }),
      z.strictObject({ type: z.literal('url'), url: z.string().min(1) }),
    ],
    'must have the type base64 or url',
  ),
  cache_control: cacheControl,
});

const ToolUseBlock = z.strictObject({
  type: z.literal('tool_use'),
  id: toolCallId,
  name: z.string().min(1).max(128),
  input: jsonObject,
  cache_control: cacheControl,
  caller: z.strictObject({ type: z.literal('direct') }).nullish(),
});

const ToolResultBlock = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: toolCallId,
  content: z
    .union(
      [z.string(), z.array(TextBlock).max(CONTENT_PARTS_MAX)],
      'must be a string or an array of blocks of type text',
    )
    .optional(),
  is_error: z.boolean().optional(),
  cache_control: cacheControl,
});

/** Clients hand back what they were answered; what nobody signed has an empty signature. */
const ThinkingBlock = z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() });
const RedactedThinkingBlock = z.strictObject({ type: z.literal('redacted_thinking'), data: z.string().min(1) });

const CONTENT = 'must be a string or an array of blocks';

function contentOf<Block extends z.ZodType>(block: Block) {
  return z.union([z.string(), z.array(block).min(1).max(CONTENT_PARTS_MAX)], CONTENT);
}

const texts = contentOf(TextBlock);

const UserTurn = z.strictObject({
  role: z.literal('user'),
  content: contentOf(
    z.discriminatedUnion(
      'type',
      [TextBlock, ImageBlock, ToolResultBlock],
      'must be a block of type text, image or tool_result',
    ),
  ),
});

const AssistantTurn = z.strictObject({
  role: z.literal('assistant'),
  content: contentOf(
    z.discriminatedUnion(
      'type',
      [TextBlock, ToolUseBlock, ThinkingBlock, RedactedThinkingBlock],
      'must be a block of type text, tool_use, thinking or redacted_thinking',
    ),
  ).refine(
    (content) =>
      typeof content === 'string' || content.filter(({ type }) => type === 'tool_use').length <= TOOL_CALLS_MAX,
    `must have at most ${TOOL_CALLS_MAX} blocks of type tool_use`,
  ),
});

const SystemTurn = z.strictObject({ role: z.literal('system'), content: texts });

const Tool = z.strictObject({
  name: toolName,
  description: z.string().optional(),
  input_schema: jsonObject,
  type: z.literal('custom').nullish(),
  strict: z.boolean().optional(),
  /** How the arguments may come, which changes nothing of what they are: they come as the provider writes them. */
  eager_input_streaming: z.boolean().nullish(),
  cache_control: cacheControl,
});

const parallel = { disable_parallel_tool_use: z.boolean().optional() };

const ToolChoice = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('auto'), ...parallel }),
    z.strictObject({ type: z.literal('any'), ...parallel }),
    z.strictObject({ type: z.literal('tool'), name: toolName, ...parallel }),
    z.strictObject({ type: z.literal('none') }),
  ],
  'must have the type auto, any, tool or none',
);

const display = z.enum(['summarized', 'omitted']).nullish();

const Thinking = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('enabled'), budget_tokens: z.number().int().min(1), display }),
    z.strictObject({ type: z.literal('adaptive'), display }),
    z.strictObject({ type: z.literal('disabled') }),
  ],
  'must have the type enabled, adaptive or disabled',
);

/** The body of `POST /v1/messages`: every field that is accepted. Any other is unknown. */
export const MessagesBody = z.strictObject({
  model: z.string().min(1).max(MODEL_ID_LENGTH_MAX),
  messages: z
    .array(z.discriminatedUnion('role', [UserTurn, AssistantTurn, SystemTurn], 'must be user, assistant or system'))
    .min(1)
    .max(MESSAGES_MAX),
  system: texts.nullish(),
  max_tokens: constrained('integer'),
  temperature: constrained('number'),
  top_p: constrained('number'),
  top_k: constrained('integer'),
  stop_sequences: constrained('array'),
  stream: z.boolean().nullish(),
  tools: z.array(Tool).max(TOOLS_MAX).nullish(),
  tool_choice: ToolChoice.nullish(),
  thinking: Thinking.nullish(),
  output_config: z
    .strictObject({
      effort: constrained('string'),
      format: z.strictObject({ type: z.literal('json_schema'), schema: jsonObject }).nullish(),
    })
    .nullish(),
  metadata: z.strictObject({ user_id: callersId }).nullish(),
  cache_control: cacheControl,
});
export type MessagesBody = z.infer<typeof MessagesBody>;
export type MessagesTurn = MessagesBody['messages'][number];

/** What no model prices. */
export const MESSAGES_PRICE_CHANGING = new Map<string, readonly unknown[]>([
  ['service_tier', ['standard_only']],
  ['speed', ['standard']],
  ['inference_geo', []],
  ['container', []],
  ['mcp_servers', [[]]],
]);

/** What carries a mark of caching, whatever it is. */
export interface Markable {
  cache_control?: unknown;
}

/** Whether the prompt or any part of it is to be cached in a way that has no price. */
export function hasUnpricedCaching(body: MessagesBody): boolean {
  const { system, messages, tools } = body;
  const blocks = [system, ...messages.map(({ content }) => content)].flatMap((content) =>
    Array.isArray(content) ? (content as (Markable & { content?: unknown })[]) : [],
  );
  const within = blocks.flatMap(({ content }) => (Array.isArray(content) ? (content as Markable[]) : []));
  return [body, ...blocks, ...within, ...(tools ?? [])].some(
    ({ cache_control: asked }) => (asked ?? null) !== null && !CacheControl.safeParse(asked).success,
  );
}

/** The mark as the internal form has it; none where it has no price. */
export function cachingOf(...blocks: readonly Markable[]): { cache_control?: CacheControl } {
  const marks = blocks.map(({ cache_control: asked }) => CacheControl.safeParse(asked).data);
  const mark = marks.findLast((one) => one !== undefined);
  return mark ? { cache_control: mark } : {};
}
