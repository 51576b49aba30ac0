import type { FieldError } from '../../../common/errors/app-error.js';
import type { ImagePlace } from '../../prompt.js';
import type { ChatCompletionBody } from '../../wire/chat-completion.js';
import { type Place, placed, unplaced } from '../../wire/answer-order.js';
import {
  type ChatMessage,
  CONTENT_PARTS_MAX,
  type ImagePart,
  type ThinkingBlock,
  TOOL_CALLS_MAX,
} from '../../wire/chat-message.js';
import { imageFaults, type ParsedChat } from '../../wire/parse-chat.js';
import { type BodyFaults, type BodyForm, readBody } from '../../wire/read-body.js';
import { NO_TOOL_TO_CALL, toolFaults, type ToolStep } from '../../wire/tool-results.js';
import { given } from '../given.js';
import { ENCRYPTED_CONTENT, RESPONSES_PRICE_CHANGING, ResponsesBody, type ResponsesItem } from './responses-body.js';

const FORM: BodyForm<ResponsesBody> = { schema: ResponsesBody, priceChanging: RESPONSES_PRICE_CHANGING, check };

const STRANDED =
  'must be followed by the message or function_call that it led to: hand the items of an answer back in their order, or leave this one out';

type Item<Type extends string> = Extract<ResponsesItem, { type: Type }>;
type MessageItem = Extract<ResponsesItem, { role: string }>;
type MessagePart = Exclude<MessageItem['content'], string>[number];
type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>;

/**
 * Reads a body of OpenAI's Responses.
 * @throws as `readBody` does.
 */
export function parseResponses(raw: unknown, options: { dropUnsupported: boolean }): ParsedChat {
  const { body, dropped } = readBody(raw, FORM, options);
  const imagePaths = new Map<ImagePart, ImagePlace>();
  const { tools, tool_choice: choice, text, reasoning, include } = body;
  const chat: ChatCompletionBody = {
    model: body.model,
    messages: toMessages(body, imagePaths),
    ...given({
      max_completion_tokens: body.max_output_tokens,
      temperature: body.temperature,
      top_p: body.top_p,
      reasoning_effort: reasoning?.effort,
      verbosity: text?.verbosity,
      response_format: text?.format && toResponseFormat(text.format),
      // Of a choice among no tools other providers say that it is wrong, where Responses has none to begin with.
      ...(tools?.length && {
        tools: tools.map(toTool),
        tool_choice: choice && toToolChoice(choice),
        parallel_tool_calls: body.parallel_tool_calls,
      }),
      stream: body.stream,
      user: body.user,
      safety_identifier: body.safety_identifier,
      prompt_cache_key: body.prompt_cache_key,
      metadata: body.metadata,
    }),
  };
  return { body: chat, dropped, imagePaths, sealsThinking: include?.includes(ENCRYPTED_CONTENT) ?? false };
}

function check({ input, tools, tool_choice: choice }: ResponsesBody): BodyFaults {
  const mustCall = choice === 'required' || typeof choice === 'object';
  const forced = mustCall && choice !== null && !tools?.length ? [NO_TOOL_TO_CALL] : [];
  if (typeof input === 'string') return { failed: forced, unsupported: [] };
  const parts = input.flatMap((item) => ('role' in item && typeof item.content !== 'string' ? item.content : []));
  const failed = [
    ...forced,
    ...imageFaults(parts.filter(({ type }) => type === 'input_image').length, 'input'),
    ...toolFaults(input.flatMap(toolSteps)),
    ...thinkingFaults(input),
  ];
  let callsInARow = 0;
  for (const [index, item] of input.entries()) {
    // Those on both sides of what was thought are of one message.
    if (item.type === 'reasoning') continue;
    callsInARow = item.type === 'function_call' ? callsInARow + 1 : 0;
    if (callsInARow === TOOL_CALLS_MAX + 1) {
      failed.push({ field: `input[${index}]`, message: `must have at most ${TOOL_CALLS_MAX} calls before it` });
    }
    if ('role' in item) failed.push(...misplacedParts(item, index));
  }
  return { failed, unsupported: [] };
}

/** What was thought belongs to what the model said or called next; alone it would be sent to nobody, and the caller would not learn why. */
function thinkingFaults(input: readonly ResponsesItem[]): FieldError[] {
  const failed: FieldError[] = [];
  let waiting: number[] = [];
  let blocks = 0;
  const strand = (): void => {
    for (const index of waiting) failed.push({ field: `input[${index}]`, message: STRANDED });
  };
  for (const [index, item] of input.entries()) {
    if (item.type === 'reasoning') {
      const { length } = item.encrypted_content ?? [];
      if (length > 0) waiting.push(index);
      if (blocks <= CONTENT_PARTS_MAX && blocks + length > CONTENT_PARTS_MAX) {
        const message = `must have at most ${CONTENT_PARTS_MAX} blocks together with the items of the same turn`;
        failed.push({ field: `input[${index}].encrypted_content`, message });
      }
      blocks += length;
      continue;
    }
    const isTurn = item.type === 'function_call' || ('role' in item && item.role === 'assistant');
    if (!isTurn) strand();
    if (!isTurn) blocks = 0;
    waiting = [];
  }
  strand();
  return failed;
}

function toolSteps(item: ResponsesItem, index: number): ToolStep[] {
  const field = `input[${index}].call_id`;
  if (item.type === 'function_call') return [{ kind: 'call', id: item.call_id, field }];
  return item.type === 'function_call_output' ? [{ kind: 'result', id: item.call_id, field }] : [];
}

/** Only a user shows images, and only the model answers. */
function misplacedParts({ role, content }: MessageItem, index: number): { field: string; message: string }[] {
  if (typeof content === 'string') return [];
  return content.flatMap(({ type }, position) => {
    const isAnswer = type === 'output_text' || type === 'refusal';
    const fits =
      role === 'assistant' ? type !== 'input_image' : !isAnswer && (role === 'user' || type === 'input_text');
    return fits
      ? []
      : [{ field: `input[${index}].content[${position}].type`, message: `must be no ${type}: the role is ${role}` }];
  });
}

/** Every item as messages of the internal form; the path of each image is noted. */
function toMessages({ instructions, input }: ResponsesBody, imagePaths: Map<ImagePart, ImagePlace>): ChatMessage[] {
  const messages: ChatMessage[] = instructions ? [{ role: 'system', content: instructions }] : [];
  if (typeof input === 'string') return [...messages, { role: 'user', content: input }];
  let thought: ThinkingBlock[] = [];
  for (const [index, item] of input.entries()) {
    // What nobody signed is not sent back: no provider needs it to go on, and each has another form for it.
    if (item.type === 'reasoning') thought.push(...(item.encrypted_content ?? []));
    if (item.type === 'reasoning') continue;
    const place = item.type === 'function_call' ? endOf(messages.at(-1)) : BEGINNING;
    if ('role' in item) messages.push(toMessage(item, `input[${index}].content`, imagePaths));
    else if (item.type === 'function_call') addCall(messages, item);
    else messages.push(toResult(item));
    think(messages.at(-1), thought, place);
    thought = [];
  }
  return messages;
}

const BEGINNING: Place = { text: 0, calls: 0 };

/** Where what is thought next stands: after what the message has that a call will be added to. */
function endOf(message: ChatMessage | undefined): Place {
  if (message?.role !== 'assistant') return BEGINNING;
  const { content, tool_calls: calls } = message;
  const texts = typeof content === 'string' ? [content] : (content ?? []).map((part) => textOf(part));
  return { text: texts.join('').length, calls: calls?.length ?? 0 };
}

/** What was thought stands with what the model said or called after it. */
function think(message: ChatMessage | undefined, thought: readonly ThinkingBlock[], place: Place): void {
  if (thought.length === 0 || message?.role !== 'assistant') return;
  const blocks = thought.map((block) => placed(unplaced(block), place));
  message.thinking_blocks = [...(message.thinking_blocks ?? []), ...blocks];
}

function toMessage({ role, content }: MessageItem, path: string, imagePaths: Map<ImagePart, ImagePlace>): ChatMessage {
  if (typeof content === 'string') return { role, content };
  if (role === 'assistant') return { role, content: content.map(toAnswerPart) };
  const parts = content.map((part, position) => {
    if (part.type !== 'input_image') return { type: 'text' as const, text: textOf(part) };
    const image: ImagePart = {
      type: 'image_url',
      image_url: { url: part.image_url, ...given({ detail: part.detail }) },
    };
    const param = `${path}[${position}]`;
    imagePaths.set(image, { param, addressParam: `${param}.image_url` });
    return image;
  });
  // `check` lets images stand with users alone.
  return { role, content: parts } as ChatMessage;
}

function toAnswerPart(part: MessagePart): { type: 'text'; text: string } | { type: 'refusal'; refusal: string } {
  if (part.type === 'refusal') return { type: part.type, refusal: part.refusal };
  return { type: 'text', text: textOf(part) };
}

function textOf(part: { text: string } | { refusal: string } | { type: 'input_image' }): string {
  if ('refusal' in part) return part.refusal;
  return 'text' in part ? part.text : '';
}

/** Calls belong to what the model said just before them; several in a row are one message. */
function addCall(messages: ChatMessage[], { call_id: id, name, arguments: text }: Item<'function_call'>): void {
  const last = messages.at(-1);
  let message: AssistantMessage;
  if (last?.role === 'assistant') message = last;
  else messages.push((message = { role: 'assistant', content: null }));
  (message.tool_calls ??= []).push({ id, type: 'function', function: { name, arguments: text } });
}

function toResult({ call_id: id, output }: Item<'function_call_output'>): ChatMessage {
  const content = typeof output === 'string' ? output : output.map(({ text }) => text).join('\n');
  return { role: 'tool', tool_call_id: id, content };
}

function toTool(tool: NonNullable<ResponsesBody['tools']>[number]): NonNullable<ChatCompletionBody['tools']>[number] {
  const { name, description, parameters, strict } = tool;
  return { type: 'function', function: { name, ...given({ description, parameters, strict }) } };
}

function toToolChoice(choice: NonNullable<ResponsesBody['tool_choice']>): ChatCompletionBody['tool_choice'] {
  return typeof choice === 'string' ? choice : { type: 'function', function: { name: choice.name } };
}

function toResponseFormat(
  format: NonNullable<NonNullable<ResponsesBody['text']>['format']>,
): ChatCompletionBody['response_format'] {
  if (format.type !== 'json_schema') return format;
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}
