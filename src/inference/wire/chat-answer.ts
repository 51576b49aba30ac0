import type { ThinkingBlock } from './chat-message.js';

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

/** Leaves out blocks that are none: servers of this format send what they like, and what was answered has been paid for. */
export function dropMalformedThinking(part: { thinking_blocks?: unknown }): void {
  const { thinking_blocks: blocks } = part;
  if (blocks === undefined) return;
  const areBlocks = Array.isArray(blocks) && blocks.every((block) => typeof block === 'object' && block !== null);
  if (!areBlocks || blocks.length === 0) delete part.thinking_blocks;
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
