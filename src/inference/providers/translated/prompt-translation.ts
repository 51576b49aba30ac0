import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ReasoningPart,
  LanguageModelV4TextPart,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider';
import { inOrder, type Step } from '../../wire/answer-order.js';
import type { ChatMessage, ImagePart, ThinkingBlock } from '../../wire/chat-message.js';
import { isMarked } from '../../wire/prompt-caching.js';
import { ProviderRejection } from '../chat-provider.js';
import { SentCalls } from './sent-calls.js';

type Message<Role extends ChatMessage['role']> = Extract<ChatMessage, { role: Role }>;

const DATA_URI = /^data:([a-z]+\/[a-z0-9.+-]+);base64,/i;

/**
 * A conversation as the provider libraries take it. Instructions come first wherever they stood, because the other protocols know them only
 * beside the conversation.
 * @throws ProviderRejection for a tool's answer to a call that nobody made, or arguments that are not JSON.
 */
export function toPrompt(messages: readonly ChatMessage[]): LanguageModelV4Prompt {
  const instructions: LanguageModelV4Message[] = [];
  const conversation: LanguageModelV4Message[] = [];
  const calls = new SentCalls();
  for (const [index, message] of messages.entries()) {
    switch (message.role) {
      case 'system':
      case 'developer':
        instructions.push(...toInstructions(message.content));
        break;
      case 'user':
        conversation.push({ role: 'user', content: toUserParts(message.content) });
        break;
      case 'assistant':
        conversation.push(...toAssistant(message, index, calls));
        break;
      case 'tool':
        addToolResult(conversation, toToolResult(message, index, calls));
        break;
    }
  }
  return [...instructions, ...conversation];
}

function toUserParts(content: Message<'user'>['content']): (LanguageModelV4TextPart | LanguageModelV4FilePart)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return content.map((part) => ({
    ...(part.type === 'text' ? { type: 'text' as const, text: part.text } : toFile(part)),
    ...cachingOf(part),
  }));
}

/** One for each text: what stands apart is read apart, and only a whole one can be cached. */
function toInstructions(content: Message<'system'>['content']): LanguageModelV4Message[] {
  if (typeof content === 'string') return [{ role: 'system', content }];
  return content.map((part) => ({ role: 'system', content: part.text, ...cachingOf(part) }));
}

/** The mark of whatever holds one of these, as Anthropic's library reads it. */
export function cachingOf(...parts: readonly object[]): {
  providerOptions?: { anthropic: { cacheControl: { type: 'ephemeral' } } };
} {
  return parts.some(isMarked) ? { providerOptions: { anthropic: { cacheControl: { type: 'ephemeral' } } } } : {};
}

function partsOf(content: Message<'assistant'>['content']): readonly object[] {
  return Array.isArray(content) ? content : [];
}

/** The image was measured before, so a data URI that is none is a URL. */
function toFile({ image_url: { url } }: ImagePart): LanguageModelV4FilePart {
  const [head, mediaType] = DATA_URI.exec(url) ?? [];
  if (head && mediaType) {
    return { type: 'file', mediaType, data: { type: 'data', data: url.slice(head.length) } };
  }
  return { type: 'file', mediaType: 'image/*', data: { type: 'url', url: new URL(url) } };
}

/** What the model answered as one message; none where it answered nothing. */
function toAssistant(message: Message<'assistant'>, index: number, sent: SentCalls): LanguageModelV4Message[] {
  const text = textOf(message.content) || (message.refusal ?? '');
  const calls = (message.tool_calls ?? []).map((call, position): LanguageModelV4ToolCallPart => {
    const { id: toolCallId, name: toolName } = sent.add(call.id, call.function.name);
    const path = `messages[${index}].tool_calls[${position}].function.arguments`;
    return {
      type: 'tool-call',
      toolCallId,
      toolName,
      input: parseArguments(call.function.arguments, path),
      ...cachingOf(call),
    };
  });
  const steps = inOrder({ thinking: message.thinking_blocks ?? [], text, calls }).filter(isSomething);
  const lastSaid = steps.findLastIndex((step) => 'said' in step);
  const content = steps.map((step, position) => {
    if ('thought' in step) return toReasoning(step.thought);
    if ('called' in step) return step.called;
    const caching = position === lastSaid ? cachingOf(...partsOf(message.content)) : {};
    return { type: 'text' as const, text: step.said, ...caching };
  });
  return content.length > 0 ? [{ role: 'assistant', content }] : [];
}

/** A text of nothing but spaces is refused as no text, also where the model itself wrote it between what it thought and called. */
function isSomething(step: Step<unknown>): boolean {
  return !('said' in step) || step.said.trim() !== '';
}

/** Anthropic's libraries know a block by its seal. */
function toReasoning(block: ThinkingBlock): LanguageModelV4ReasoningPart {
  const isSealed = block.type === 'redacted_thinking';
  const anthropic = isSealed ? { redactedData: block.data } : { signature: block.signature };
  return { type: 'reasoning', text: isSealed ? '' : block.thinking, providerOptions: { anthropic } };
}

function toToolResult(message: Message<'tool'>, index: number, sent: SentCalls): LanguageModelV4ToolResultPart {
  const { tool_call_id: id, content } = message;
  const call = sent.find(id);
  if (call === undefined) {
    throw new ProviderRejection(`messages[${index}].tool_call_id answers no tool call of an earlier message`);
  }
  const output = { type: 'text' as const, value: textOf(content) };
  const caching = cachingOf(...partsOf(content));
  return { type: 'tool-result', toolCallId: call.id, toolName: call.name, output, ...caching };
}

/** The results of calls that were made together are one message: Gemini refuses a turn that answers fewer calls than were made. */
function addToolResult(conversation: LanguageModelV4Message[], result: LanguageModelV4ToolResultPart): void {
  const last = conversation.at(-1);
  if (last?.role === 'tool') last.content.push(result);
  else conversation.push({ role: 'tool', content: [result] });
}

function parseArguments(text: string, path: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ProviderRejection(`${path} is not JSON`);
  }
}

function textOf(content: Message<'system'>['content'] | Message<'assistant'>['content']): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => (part.type === 'text' ? part.text : part.refusal)).join('');
}
