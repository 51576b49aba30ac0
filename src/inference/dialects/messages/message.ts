import type { ReportedUsage } from '../../domain/reported-usage.js';
import type { ChatChoice } from '../../wire/chat-answer.js';
import { inOrder } from '../../wire/answer-order.js';
import type { ThinkingBlock } from '../../wire/chat-message.js';
import type { AnsweredChat, WholeAnswer } from '../chat-dialect.js';

/** The answers of `POST /v1/messages`, as Anthropic writes them. */
export type MessageBlock =
  | ThinkingBlock
  | { type: 'text'; text: string; citations: null }
  | { type: 'tool_use'; id: string; name: string; input: unknown; caller: { type: 'direct' } };

export interface MessageUsage {
  input_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
  output_tokens: number;
  output_tokens_details: { thinking_tokens: number };
  cache_creation: null;
  server_tool_use: null;
  service_tier: 'standard';
}

export interface Message {
  id: string;
  type: 'message';
  role: 'assistant';
  model: string;
  content: MessageBlock[];
  stop_reason: string | null;
  stop_sequence: string | null;
  stop_details: null;
  container: null;
  usage: MessageUsage;
}

const NOTHING: ReportedUsage = {
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
};

/** The message before anything of it is known. */
export function emptyMessage({ requestId, chat }: AnsweredChat): Message {
  return {
    id: `msg_${requestId.replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    model: chat.model.id,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    usage: toMessageUsage(NOTHING),
  };
}

export function writeMessage(answer: WholeAnswer): Message {
  const [choice] = answer.completion.choices;
  return {
    ...emptyMessage(answer),
    content: choice ? toBlocks(choice) : [],
    ...toStop({
      ...choice,
      hasCalled: Boolean(choice?.message.tool_calls?.length),
      isRefusal: Boolean(choice?.message.refusal),
      stops: answer.chat.body.stop,
    }),
    usage: toMessageUsage(answer.usage),
  };
}

/** Anthropic's input tokens leave out what was read from the cache and written to it. */
export function toMessageUsage(usage: ReportedUsage): MessageUsage {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  return {
    input_tokens: inputTokens - cachedInputTokens - cacheWriteTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cachedInputTokens,
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
    cache_creation: null,
    server_tool_use: null,
    service_tier: 'standard',
  };
}

/** What has no word of its own is an ordinary end. */
const STOP_REASONS: Readonly<Record<string, string>> = { length: 'max_tokens', content_filter: 'refusal' };

interface Ending {
  finish_reason?: string | null;
  stop_reason?: unknown;
  /** Whether there are calls of tools to be answered. */
  hasCalled: boolean;
  isRefusal: boolean;
  /** The sequences that it was to stop at. */
  stops: unknown;
}

/**
 * Why the message ended, and at which of the sequences that it was to stop at. Some servers have words of their own in the place of one. Whether
 * it called tools is seen by the calls: OpenAI says that a call ended as anything else does where it was told which to make, and others say that
 * there is a call where there is none.
 */
export function toStop(ending: Ending): { stop_reason: string; stop_sequence: string | null } {
  const { finish_reason: reason, stop_reason: sequence, hasCalled, isRefusal, stops } = ending;
  const word = isRefusal ? 'refusal' : (STOP_REASONS[reason ?? ''] ?? (hasCalled ? 'tool_use' : undefined));
  if (word !== undefined) return { stop_reason: word, stop_sequence: null };
  return typeof sequence === 'string' && [stops].flat().includes(sequence)
    ? { stop_reason: 'stop_sequence', stop_sequence: sequence }
    : { stop_reason: 'end_turn', stop_sequence: null };
}

function toBlocks({ message }: ChatChoice): MessageBlock[] {
  const {
    reasoning_content: thinking,
    thinking_blocks: sealed = [],
    content,
    refusal,
    tool_calls: calls = [],
  } = message;
  const steps = inOrder({ thinking: sealed, text: (content ?? '') + (refusal ?? ''), calls });
  const blocks = steps.map((step): MessageBlock => {
    if ('thought' in step) return step.thought;
    if ('said' in step) return textBlock(step.said);
    const { id, function: called } = step.called;
    return toolBlock(id, called.name, toInput(called.arguments));
  });
  return sealed.length === 0 && thinking ? [thinkingBlock(thinking), ...blocks] : blocks;
}

/** What nobody signed: most providers do not, and none of it is sent back to them. */
export function thinkingBlock(thinking: string): MessageBlock {
  return { type: 'thinking', thinking, signature: '' };
}

export function textBlock(text: string): MessageBlock {
  return { type: 'text', text, citations: null };
}

export function toolBlock(id: string, name: string, input: unknown): MessageBlock {
  return { type: 'tool_use', id, name, input, caller: { type: 'direct' } };
}

/** Arguments that are no JSON object, which only a faulty model writes, are handed on as they are. */
function toInput(text: string): unknown {
  try {
    const input: unknown = JSON.parse(text || '{}');
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input;
  } catch {
    // What is no JSON at all is handed on like what is no object.
  }
  return { arguments: text };
}
