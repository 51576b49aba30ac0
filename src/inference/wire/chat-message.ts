import { z } from 'zod';
import { cacheControl } from './prompt-caching.js';

/** Most messages of one request; a conversation beyond it is a mistake of the client, and reading it would hold the thread. */
export const MESSAGES_MAX = 10_000;
/** Most parts of one message: more than the images and texts any client composes. */
export const CONTENT_PARTS_MAX = 1_000;
/** Most tool calls in one assistant message, as many as tools can be offered. */
export const TOOL_CALLS_MAX = 128;

/** What a tool or a participant is called. */
export const name = z.string().min(1).max(64);
/** What ties the answer of a tool to its call. */
export const toolCallId = z.string().min(1).max(256);

/** What clients hand back of what they made of an answer, or were told beside it: taken, and sent to nobody. */
export const ignored = z
  .unknown()
  .transform((): undefined => undefined)
  .optional();

export const TextPart = z.strictObject({ type: z.literal('text'), text: z.string(), ...cacheControl });

export const imageDetail = z.enum(['auto', 'low', 'high', 'original']);

export const ImagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({
    url: z.string().min(1),
    detail: imageDetail.optional(),
  }),
  ...cacheControl,
});

const AnswerText = TextPart.extend({ annotations: ignored, parsed: ignored });
const RefusalPart = z.strictObject({ type: z.literal('refusal'), refusal: z.string() });

const ToolCall = z.strictObject({
  id: toolCallId,
  type: z.literal('function'),
  function: z.strictObject({ name, arguments: z.string(), parsed_arguments: ignored }),
  /** Streaming clients hand back the delta's index. */
  index: z.number().int().min(0).optional(),
  ...cacheControl,
});

/** Where it was thought, if not first: after so many characters of the text, and so many calls. No member of its provider's. */
const after = { after: z.strictObject({ text: z.int().min(0), calls: z.int().min(0) }).optional() };

/**
 * What a model thought, as its provider signed or sealed it. A model that thinks and calls tools has to be shown it unchanged beside their
 * results, and cannot be shown it by anybody else.
 */
export const ThinkingBlock = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string().min(1), ...after }),
    z.strictObject({ type: z.literal('redacted_thinking'), data: z.string().min(1), ...after }),
  ],
  'must be a block of type thinking or redacted_thinking',
);
export type ThinkingBlock = z.infer<typeof ThinkingBlock>;

const CONTENT = 'must be a string or an array of parts';

/** A string, or an array of parts, as messages take it. */
function contentOf<Part extends z.ZodType>(part: Part) {
  return z.union([z.string(), z.array(part).min(1).max(CONTENT_PARTS_MAX)], CONTENT);
}

const textContent = contentOf(TextPart);
const userContent = contentOf(
  z.discriminatedUnion('type', [TextPart, ImagePart], 'must be a part of type text or image_url'),
);
const assistantContent = contentOf(
  z.discriminatedUnion('type', [AnswerText, RefusalPart], 'must be a part of type text or refusal'),
);

const SystemMessage = z.strictObject({ role: z.literal('system'), content: textContent, name: name.optional() });
const DeveloperMessage = z.strictObject({ role: z.literal('developer'), content: textContent, name: name.optional() });
const UserMessage = z.strictObject({ role: z.literal('user'), content: userContent, name: name.optional() });
const ToolMessage = z.strictObject({
  role: z.literal('tool'),
  content: textContent,
  tool_call_id: toolCallId,
  /** Some clients say once more which tool it was; OpenAI has no such member here. */
  name: ignored,
});

/** What servers of the format have beside the members that OpenAI's messages have: Azure, Groq, LiteLLM, Mistral, Perplexity. */
const servers = {
  citations: ignored,
  context: ignored,
  executed_tools: ignored,
  provider_specific_fields: ignored,
  /** Otherwise it would be asked to go on from the message. */
  prefix: z
    .literal(false)
    .nullable()
    .transform((): undefined => undefined)
    .optional(),
};

/** Clients hand back the message of an earlier answer as it came, hence the members that only answers have. */
const AssistantMessage = z
  .strictObject({
    role: z.literal('assistant'),
    content: assistantContent.nullish(),
    name: name.optional(),
    refusal: z.string().nullish(),
    reasoning_content: z.string().nullish(),
    thinking_blocks: z.array(ThinkingBlock).max(CONTENT_PARTS_MAX).nullish(),
    tool_calls: z.array(ToolCall).max(TOOL_CALLS_MAX).nullish(),
    annotations: ignored,
    parsed: ignored,
    reasoning: ignored,
    reasoning_details: ignored,
    ...servers,
    audio: z.null().optional(),
    function_call: z.null().optional(),
  })
  .refine((message) => hasContent(message.content) || hasContent(message.refusal) || !!message.tool_calls?.length, {
    path: ['content'],
    message: 'must be given where an assistant message has neither tool_calls nor refusal',
  });

export const ChatMessage = z.discriminatedUnion(
  'role',
  [SystemMessage, DeveloperMessage, UserMessage, AssistantMessage, ToolMessage],
  'must be system, developer, user, assistant or tool',
);
export type ChatMessage = z.infer<typeof ChatMessage>;
export type ImagePart = z.infer<typeof ImagePart>;
export type TextPart = z.infer<typeof TextPart>;

function hasContent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>;

export function hasThinking(message: ChatMessage): message is AssistantMessage {
  return message.role === 'assistant' && message.thinking_blocks !== undefined;
}

/** A conversation for a provider that cannot read what another signed. */
export function withoutThinking(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.map((message) => {
    if (!hasThinking(message)) return message;
    const { thinking_blocks: _, ...rest } = message;
    return rest;
  });
}
