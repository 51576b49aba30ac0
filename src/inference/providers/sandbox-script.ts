import type { AnswerToolCall } from '../wire/chat-answer.js';
import type { ChatMessage } from '../wire/chat-message.js';
import { readPrompt } from '../prompt.js';
import type { ReportedUsage } from '../domain/reported-usage.js';
import type { ProviderRequest } from './chat-provider.js';

/** The sandbox's own token: four bytes of UTF-8. Never more tokens than bytes, so it stays inside every bound. */
const BYTES_PER_TOKEN = 4;
/** What the sandbox counts for the structure of one message. */
const TOKENS_PER_MESSAGE = 4;

/** What the sandbox is going to answer: the same for every choice. */
export interface Script {
  text: string;
  toolCalls: AnswerToolCall[];
  finishReason: 'stop' | 'length' | 'tool_calls';
  outputTokens: number;
  choices: number;
}

/** A deterministic answer: an echo of the last user message, or a call of the first fitting tool when one is asked for. */
export function writeScript(request: ProviderRequest): Script {
  const { choices, outputTokensPerChoice } = request.assumed;
  const called = toolToCall(request);
  if (called) {
    const toolCalls = [toolCall(called, request.requestId)];
    const tokens = countTokens(`${called.name}${toolCalls[0]?.function.arguments ?? ''}`);
    if (tokens <= outputTokensPerChoice) {
      return { text: '', toolCalls, finishReason: 'tool_calls', outputTokens: tokens * choices, choices };
    }
  }
  const echo = echoOf(request.body.messages);
  const text = truncate(echo, outputTokensPerChoice);
  return {
    text,
    toolCalls: [],
    finishReason: text.length < echo.length ? 'length' : 'stop',
    outputTokens: countTokens(text) * choices,
    choices,
  };
}

/** The usage of a scripted answer, exact by the sandbox's own count of tokens. */
export function usageOf(request: ProviderRequest, script: Script): ReportedUsage {
  const prompt = readPrompt(request.body);
  const textTokens = [...prompt.texts, ...prompt.schemas].reduce((sum, text) => sum + countTokens(text), 0);
  const { imageTokens } = request.assumed;
  return {
    inputTokens: textTokens + prompt.messageCount * TOKENS_PER_MESSAGE + imageTokens,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    imageTokens,
    outputTokens: script.outputTokens,
    reasoningTokens: 0,
  };
}

/** What one input of an embedding counts: a list of tokens, itself. */
export function countSandboxTokens(input: string | readonly number[]): number {
  return typeof input === 'string' ? countTokens(input) : input.length;
}

function countTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text, 'utf8') / BYTES_PER_TOKEN);
}

/** The longest beginning of `text` that has at most `tokens` tokens, cut between characters. */
function truncate(text: string, tokens: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= tokens * BYTES_PER_TOKEN) return text;
  return bytes
    .subarray(0, tokens * BYTES_PER_TOKEN)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
}

function echoOf(messages: readonly ChatMessage[]): string {
  const last = messages.findLast((message) => message.role === 'user' || message.role === 'tool') ?? messages.at(-1);
  if (!last) return '';
  const images = Array.isArray(last.content) ? last.content.filter((part) => part.type === 'image_url').length : 0;
  const text = textOf(last);
  if (images === 0) return text;
  return `${text}${text ? ' ' : ''}[${images} ${images === 1 ? 'image' : 'images'}]`;
}

function textOf(message: ChatMessage): string {
  if (typeof message.content === 'string') return message.content;
  const parts = message.content ?? [];
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

type OfferedFunction = NonNullable<ProviderRequest['body']['tools']>[number]['function'];

/**
 * The tool that the request asks for: the one that `tool_choice` names, any where it says `required`, and otherwise one whose name the last
 * message, which must be the user's, mentions. After a tool's answer the sandbox speaks.
 */
function toolToCall({ body }: ProviderRequest): OfferedFunction | undefined {
  const offered = (body.tools ?? []).map((tool) => tool.function);
  const choice = body.tool_choice ?? 'auto';
  if (choice === 'none') return undefined;
  if (typeof choice === 'object') return offered.find((tool) => tool.name === choice.function.name);
  const last = body.messages.at(-1);
  if (choice === 'required') return offered[0];
  if (last?.role !== 'user') return undefined;
  const text = textOf(last);
  return offered.find((tool) => text.includes(tool.name));
}

function toolCall(tool: OfferedFunction, requestId: string): AnswerToolCall {
  return {
    id: `call_${requestId.replaceAll('-', '')}`,
    type: 'function',
    function: { name: tool.name, arguments: JSON.stringify(exampleOf(tool.parameters)) },
  };
}

/** The least value that fits the required properties of a flat JSON schema. */
function exampleOf(parameters: Record<string, unknown> | undefined): Record<string, unknown> {
  const properties = (parameters?.['properties'] ?? {}) as Record<string, { type?: unknown; enum?: unknown[] } | null>;
  const required = Array.isArray(parameters?.['required']) ? (parameters['required'] as unknown[]) : [];
  const example: Record<string, unknown> = {};
  for (const name of required) {
    if (typeof name !== 'string') continue;
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    example[name] = property?.enum?.[0] ?? EXAMPLES[String(property?.type)] ?? null;
  }
  return example;
}

const EXAMPLES: Record<string, unknown> = {
  string: 'sandbox',
  number: 1,
  integer: 1,
  boolean: true,
  array: [],
  object: {},
};
