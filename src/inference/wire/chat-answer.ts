import type { ThinkingBlock } from './chat-message.js';
import { madeId } from './numbered-calls.js';

/** The answers of `POST /v1/chat/completions`, as OpenAI writes them. Only what this server reads is named; the rest passes. */

export interface AnswerToolCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

export interface ChatChoice {
  index: number;
  message: {
    role: 'assistant';
    content: string | null;
    refusal?: string | null;
    /** What the model thought aloud; no member of OpenAI's, but what servers and clients of this format call it. */
    reasoning_content?: string | null;
    /** The same as its provider signed it, to be handed back with the results of tools. */
    thinking_blocks?: ThinkingBlock[];
    tool_calls?: AnswerToolCall[];
  };
  finish_reason: string;
  /** Which stop sequence ended it, as far as the provider tells. No member of OpenAI's either, but what vLLM calls it. */
  stop_reason?: unknown;
  logprobs?: unknown;
}

export interface WireUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details?: { cached_tokens?: number; cache_write_tokens?: number; image_tokens?: number };
  completion_tokens_details?: { reasoning_tokens?: number };
}

export interface ChatCompletion {
  id: string;
  object: 'chat.completion';
  created: number;
  model: string;
  choices: ChatChoice[];
  usage?: WireUsage;
}

export interface ChunkChoice {
  index: number;
  delta: {
    role?: 'assistant';
    content?: string | null;
    refusal?: string | null;
    reasoning_content?: string | null;
    /** Every block so far, the last of them new: clients that merge chunks keep the last value of what they do not know. */
    thinking_blocks?: ThinkingBlock[];
    tool_calls?: { index: number; id?: string; type?: 'function'; function?: { name?: string; arguments?: string } }[];
  };
  finish_reason: string | null;
  stop_reason?: unknown;
  logprobs?: unknown;
}

export interface ChatCompletionChunk {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  choices: ChunkChoice[];
  usage?: WireUsage | null | undefined;
}

/** What a server of this format may send in the place of a message or a delta: null or worse where there is nothing to tell. */
interface LoosePart {
  content?: unknown;
  refusal?: unknown;
  reasoning_content?: unknown;
  reasoning?: unknown;
  tool_calls?: unknown;
  thinking_blocks?: unknown;
}

interface LooseCall {
  id?: unknown;
  type?: unknown;
  function?: { name?: unknown; arguments?: unknown } | null;
}

/** Leaves out members that are not what their name says: servers send what they like, and what was answered has been paid for. */
export function tidyDelta(delta: LoosePart): void {
  // Not deleted: an object that lost a member takes twice as long to write.
  if (delta.thinking_blocks !== undefined && !isListOfObjects(delta.thinking_blocks)) delta.thinking_blocks = undefined;
  if (delta.tool_calls !== undefined && !isListOfObjects(delta.tool_calls)) delta.tool_calls = undefined;
  if (delta.tool_calls !== undefined) (delta.tool_calls as LooseCall[]).forEach(writeArguments);
  // What Ollama, OpenRouter and vLLM call it.
  if (typeof delta.reasoning === 'string') delta.reasoning_content ??= delta.reasoning;
  if (Array.isArray(delta.content)) joinParts(delta, delta.content);
  if (!isText(delta.content)) delta.content = writtenOut(delta.content);
  if (!isText(delta.refusal)) delta.refusal = undefined;
  if (!isText(delta.reasoning_content)) delta.reasoning_content = undefined;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || value === undefined || value === null;
}

/** What was asked for as JSON, some servers answer as what it stands for. */
function writtenOut(content: unknown): string | undefined {
  return content === false ? undefined : JSON.stringify(content);
}

/** The same for a whole message, in which a call of a tool is complete or none. */
export function tidyMessage(message: LoosePart): void {
  tidyDelta(message);
  if (message.tool_calls === undefined) return;
  const calls = (message.tool_calls as LooseCall[]).filter(isWholeCall);
  nameCalls(calls);
  message.tool_calls = calls.length > 0 ? calls : undefined;
}

/** Some servers answer in parts, which clients of this format do not know in an answer. */
function joinParts(delta: LoosePart, parts: readonly unknown[]): void {
  delta.content = textOf(parts);
  const thoughts = parts.map((part) => (part as { thinking?: unknown } | null)?.thinking);
  const thought = textOf(thoughts.flat());
  if (thought !== '') delta.reasoning_content ??= thought;
}

function textOf(parts: readonly unknown[]): string {
  const texts = parts.map((part) => (part as { text?: unknown } | null | undefined)?.text);
  return texts.filter((text) => typeof text === 'string').join('');
}

/** Some servers do not write arguments as text. */
function writeArguments({ function: called }: LooseCall): void {
  if (isObject(called?.arguments)) called!.arguments = JSON.stringify(called!.arguments);
}

/** Some leave out the arguments of a tool that takes none, or write null. */
function isWholeCall({ function: called }: LooseCall): boolean {
  if (typeof called?.name !== 'string') return false;
  if ((called.arguments ?? 'null') === 'null') called.arguments = '{}';
  return true;
}

/** A call is answered by its id, which some leave out, or give twice. */
function nameCalls(calls: readonly LooseCall[]): void {
  const known = new Set<unknown>(['']);
  for (const call of calls) {
    if (typeof call.id !== 'string' || known.has(call.id)) call.id = madeId();
    known.add(call.id);
    call.type ??= 'function';
  }
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isObject);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** Everything in an answer that the model wrote: what is counted where the provider reports no usage. */
export function generatedTexts(choices: readonly ChatChoice[]): string[] {
  const texts: string[] = [];
  for (const { message } of choices) {
    if (message.content) texts.push(message.content);
    if (message.refusal) texts.push(message.refusal);
    if (message.reasoning_content) texts.push(message.reasoning_content);
    for (const call of message.tool_calls ?? []) texts.push(call.function.name, call.function.arguments);
  }
  return texts;
}

/** The same for one chunk of a stream. */
export function generatedText(chunk: ChatCompletionChunk): string {
  let text = '';
  for (const { delta } of chunk.choices) {
    text += (delta.reasoning_content ?? '') + (delta.content ?? '') + (delta.refusal ?? '');
    for (const call of delta.tool_calls ?? []) text += (call.function?.name ?? '') + (call.function?.arguments ?? '');
  }
  return text;
}

/** Whether the model answered with tool calls. */
export function callsTools(choices: readonly (ChatChoice | ChunkChoice)[]): boolean {
  return choices.some((choice) => ('message' in choice ? choice.message : choice.delta).tool_calls?.length);
}
