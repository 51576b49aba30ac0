import type { ImagePlace } from '../../prompt.js';
import type { ChatCompletionBody } from '../../wire/chat-completion.js';
import { placed } from '../../wire/answer-order.js';
import type { ChatMessage, ImagePart, TextPart, ThinkingBlock } from '../../wire/chat-message.js';
import { imageFaults, type ParsedChat } from '../../wire/parse-chat.js';
import { type BodyFaults, type BodyForm, readBody } from '../../wire/read-body.js';
import { NO_TOOL_TO_CALL, toolFaults, type ToolStep } from '../../wire/tool-results.js';
import { given } from '../given.js';
import {
  cachingOf,
  hasUnpricedCaching,
  type Markable,
  MESSAGES_PRICE_CHANGING,
  MessagesBody,
  type MessagesTurn,
} from './messages-body.js';

/** Kept conversations, which Anthropic's client asks for first. Told so in its words, it sends the whole of them instead. */
const THREAD = 'thread';
const NO_THREADS = { error_code: 'thread_unsupported_request', unsupported: [THREAD] };

const FORM: BodyForm<MessagesBody> = {
  schema: MessagesBody,
  priceChanging: MESSAGES_PRICE_CHANGING,
  neverDropped: new Set([THREAD]),
  unknownDetails,
  check,
};

/** From how many tokens of thinking on an effort is the next higher one. Other providers know efforts, and this server bounds them all alike. */
const MEDIUM_FROM_TOKENS = 4_096;
const HIGH_FROM_TOKENS = 16_384;
/** What `output_config.format` has no name for, and the internal form needs one. */
const SCHEMA_NAME = 'answer';

type Content<Role extends MessagesTurn['role']> = Extract<MessagesTurn, { role: Role }>['content'];
type Block<Role extends MessagesTurn['role'], Type extends string> = Extract<
  Exclude<Content<Role>, string>[number],
  { type: Type }
>;

/**
 * Reads a body of Anthropic's Messages.
 * @throws as `readBody` does.
 */
export function parseMessages(raw: unknown, options: { dropUnsupported: boolean }): ParsedChat {
  const { body, dropped } = readBody(raw, FORM, options);
  const imagePaths = new Map<ImagePart, ImagePlace>();
  const { tools, tool_choice: choice, output_config: output, metadata } = body;
  const effort = effortOf(body);
  const chat: ChatCompletionBody = {
    model: body.model,
    messages: toMessages(body, imagePaths),
    ...given({
      max_tokens: body.max_tokens,
      temperature: body.temperature,
      top_p: body.top_p,
      top_k: body.top_k,
      stop: body.stop_sequences,
      stream: body.stream,
      reasoning_effort: effort,
      thinking_budget: body.thinking?.type === 'enabled' ? body.thinking.budget_tokens : undefined,
      ...(tools?.length && {
        tools: tools.map(toTool),
        tool_choice: choice && toToolChoice(choice),
        parallel_tool_calls: choice && 'disable_parallel_tool_use' in choice ? !choice.disable_parallel_tool_use : null,
      }),
      response_format: output?.format && {
        type: 'json_schema' as const,
        json_schema: { name: SCHEMA_NAME, schema: output.format.schema, strict: true },
      },
      user: metadata?.user_id,
    }),
    ...cachingOf(body),
  };
  return { body: chat, dropped, imagePaths };
}

function unknownDetails(names: readonly string[]): Record<string, unknown> {
  return names.includes(THREAD) ? NO_THREADS : {};
}

function check(body: MessagesBody): BodyFaults {
  const { messages, thinking, output_config: output, tools, tool_choice: choice } = body;
  const blocks = messages.flatMap(({ content }) =>
    typeof content === 'string' ? [] : content.map(({ type }) => type),
  );
  const failed = [
    ...imageFaults(blocks.filter((type) => type === 'image').length, 'messages'),
    ...toolFaults(messages.flatMap(toolSteps)),
  ];
  if (!tools?.length && (choice?.type === 'any' || choice?.type === 'tool')) failed.push(NO_TOOL_TO_CALL);
  if (thinking?.type === 'disabled' && (output?.effort ?? null) !== null) {
    failed.push({ field: 'thinking', message: 'must not be disabled where output_config.effort is given' });
  }
  return { failed, unsupported: hasUnpricedCaching(body) ? ['cache_control'] : [] };
}

function toolSteps({ content }: MessagesTurn, index: number): ToolStep[] {
  if (typeof content === 'string') return [];
  return content.flatMap((block, position): ToolStep[] => {
    const path = `messages[${index}].content[${position}]`;
    if (block.type === 'tool_use') return [{ kind: 'call', id: block.id, field: `${path}.id` }];
    if (block.type === 'tool_result') return [{ kind: 'result', id: block.tool_use_id, field: `${path}.tool_use_id` }];
    return [];
  });
}

/** Every turn as messages of the internal form; the path of each image is noted. */
function toMessages({ system, messages }: MessagesBody, imagePaths: Map<ImagePart, ImagePlace>): ChatMessage[] {
  const all: ChatMessage[] = system ? [{ role: 'system', content: toTexts(system) }] : [];
  for (const [index, turn] of messages.entries()) {
    if (turn.role === 'system') all.push({ role: 'system', content: toTexts(turn.content) });
    else if (turn.role === 'assistant') all.push(toAssistant(turn.content));
    else all.push(...toUserMessages(turn.content, `messages[${index}].content`, imagePaths));
  }
  return all;
}

/** Results of tools are messages of their own, and come before what the user says to them. */
function toUserMessages(content: Content<'user'>, path: string, imagePaths: Map<ImagePart, ImagePlace>): ChatMessage[] {
  if (typeof content === 'string') return [{ role: 'user', content }];
  const results: ChatMessage[] = [];
  const parts: (ImagePart | TextPart)[] = [];
  for (const [position, block] of content.entries()) {
    if (block.type === 'tool_result') results.push(toResult(block));
    else if (block.type === 'text') parts.push({ type: 'text', text: block.text, ...cachingOf(block) });
    else {
      const image = toImage(block);
      const param = `${path}[${position}]`;
      imagePaths.set(image, { param, addressParam: `${param}.source` });
      parts.push(image);
    }
  }
  return parts.length > 0 ? [...results, { role: 'user', content: parts }] : results;
}

function toImage(block: Block<'user', 'image'>): ImagePart {
  const { source } = block;
  const url = source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
  return { type: 'image_url', image_url: { url }, ...cachingOf(block) };
}

/** The internal form has no mark for a result that is an error, so the text says it; and one text, so that several are lines of it. */
function toResult(block: Block<'user', 'tool_result'>): ChatMessage {
  const { tool_use_id: id, content = '', is_error: isError } = block;
  const blocks = typeof content === 'string' ? [] : content;
  const said = typeof content === 'string' ? content : blocks.map(({ text }) => text).join('\n');
  const text = isError ? `Error: ${said}` : said;
  const caching = cachingOf(block, ...blocks);
  return {
    role: 'tool',
    tool_call_id: id,
    content: caching.cache_control ? [{ type: 'text', text, ...caching }] : text,
  };
}

/** What the model thought before goes back to whoever signed it, from where it was thought. */
function toAssistant(content: Content<'assistant'>): ChatMessage {
  if (typeof content === 'string') return { role: 'assistant', content };
  const texts = content.filter((block) => block.type === 'text');
  const calls = content.filter((block) => block.type === 'tool_use');
  const thinking = sealedIn(content);
  return {
    role: 'assistant',
    content: texts.length === 0 && calls.length > 0 ? null : toTexts(texts),
    ...(thinking.length > 0 && { thinking_blocks: thinking }),
    ...(calls.length > 0 && {
      tool_calls: calls.map((call) => ({
        id: call.id,
        type: 'function' as const,
        function: { name: call.name, arguments: JSON.stringify(call.input) },
        ...cachingOf(call),
      })),
    }),
  };
}

function sealedIn(content: Exclude<Content<'assistant'>, string>): ThinkingBlock[] {
  const thinking: ThinkingBlock[] = [];
  const place = { text: 0, calls: 0 };
  for (const block of content) {
    if (isSealed(block)) thinking.push(placed(block, place));
    else if (block.type === 'text') place.text += block.text.length;
    else if (block.type === 'tool_use') place.calls += 1;
  }
  return thinking;
}

function isSealed(block: Exclude<Content<'assistant'>, string>[number]): block is ThinkingBlock {
  return block.type === 'redacted_thinking' || (block.type === 'thinking' && block.signature !== '');
}

/** One text is a text; several, or one that is to be cached, stay apart. */
function toTexts(content: string | readonly ({ text: string } & Markable)[]): string | TextPart[] {
  if (typeof content === 'string') return content;
  const parts = content.map((block) => ({ type: 'text' as const, text: block.text, ...cachingOf(block) }));
  const [first] = parts;
  return parts.length < 2 && !first?.cache_control ? (first?.text ?? '') : parts;
}

function toTool(tool: NonNullable<MessagesBody['tools']>[number]): NonNullable<ChatCompletionBody['tools']>[number] {
  const { name, description, input_schema: parameters, strict } = tool;
  return { type: 'function', function: { name, parameters, ...given({ description, strict }) }, ...cachingOf(tool) };
}

function toToolChoice(choice: NonNullable<MessagesBody['tool_choice']>): ChatCompletionBody['tool_choice'] {
  if (choice.type === 'tool') return { type: 'function', function: { name: choice.name } };
  return choice.type === 'any' ? 'required' : choice.type;
}

/** How hard to think. Disabled thinking is the provider's default, as it is at Anthropic. */
function effortOf({ thinking, output_config: output }: MessagesBody): unknown {
  const asked = output?.effort ?? null;
  if (asked !== null || !thinking || thinking.type === 'disabled') return asked;
  if (thinking.type === 'adaptive' || thinking.budget_tokens >= HIGH_FROM_TOKENS) return 'high';
  return thinking.budget_tokens >= MEDIUM_FROM_TOKENS ? 'medium' : 'low';
}
