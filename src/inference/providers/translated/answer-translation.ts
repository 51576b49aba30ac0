import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider';
import type { ReportedUsage } from '../../domain/reported-usage.js';
import type { AnswerToolCall, ChatCompletion, ChatCompletionChunk, ChunkChoice } from '../../wire/chat-answer.js';
import { type Place, placed } from '../../wire/answer-order.js';
import type { ThinkingBlock } from '../../wire/chat-message.js';
import { toWireUsage } from '../../wire/wire-usage.js';
import type { ProviderRequest } from '../chat-provider.js';

export interface WholeAnswer {
  content: readonly LanguageModelV4Content[];
  finishReason: LanguageModelV4FinishReason;
  usage: ReportedUsage | null;
  providerMetadata?: SharedV4ProviderMetadata | undefined;
}

/** A whole answer as OpenAI writes it. */
export function toCompletion(request: ProviderRequest, answer: WholeAnswer): ChatCompletion {
  const { content, finishReason, usage, providerMetadata } = answer;
  let text = '';
  let reasoning = '';
  const thinking: ThinkingBlock[] = [];
  const toolCalls: AnswerToolCall[] = [];
  for (const part of content) {
    if (part.type === 'text') text += part.text;
    else if (part.type === 'reasoning') {
      reasoning += part.text;
      const place = { text: text.length, calls: toolCalls.length };
      thinking.push(...toThinkingBlocks(part.text, part.providerMetadata, place));
    } else if (part.type === 'tool-call') toolCalls.push(toToolCall(part.toolCallId, part.toolName, part.input));
  }
  return {
    ...labelOf(request),
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && toolCalls.length > 0 ? null : text,
          refusal: null,
          ...(reasoning && { reasoning_content: reasoning }),
          ...(thinking.length > 0 && { thinking_blocks: thinking }),
          ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
        },
        logprobs: null,
        finish_reason: toFinishReason(finishReason),
        ...stopOf(providerMetadata),
      },
    ],
    ...(usage && { usage: toWireUsage(usage) }),
  };
}

/** The parts of one streamed answer, one after the other, as chunks. */
export class ChunkTranslator {
  private readonly indexByToolCall = new Map<string, number>();
  private hasBegun = false;
  private readonly thinking: ThinkingBlock[] = [];
  /** Of the block that is being thought. */
  private thought = '';
  private place: Place = { text: 0, calls: 0 };
  private textLength = 0;

  constructor(private readonly request: ProviderRequest) {}

  /** The chunks that a part becomes: none for what OpenAI's format has no place for. */
  translate(part: LanguageModelV4StreamPart): ChatCompletionChunk[] {
    if (part.type === 'text-delta') return this.continueText(part.delta);
    if (part.type === 'reasoning-start') this.beginThinking();
    if (part.type === 'reasoning-start' || part.type === 'reasoning-delta') return this.continueThinking(part);
    if (part.type === 'tool-input-start') return this.beginToolCall(part.id, part.toolName, '');
    if (part.type === 'tool-input-delta') return part.delta === '' ? [] : this.continueToolCall(part.id, part.delta);
    // Told a second time at its end by protocols that stream the arguments.
    if (part.type === 'tool-call' && !this.indexByToolCall.has(part.toolCallId)) {
      return this.beginToolCall(part.toolCallId, part.toolName, part.input);
    }
    if (part.type !== 'finish') return [];
    return this.chunks({}, { finish_reason: toFinishReason(part.finishReason), ...stopOf(part.providerMetadata) });
  }

  private continueText(delta: string): ChatCompletionChunk[] {
    this.textLength += delta.length;
    return delta === '' ? [] : this.chunks({ content: delta });
  }

  private beginThinking(): void {
    this.thought = '';
    this.place = { text: this.textLength, calls: this.indexByToolCall.size };
  }

  private continueThinking(part: {
    delta?: string;
    providerMetadata?: SharedV4ProviderMetadata;
  }): ChatCompletionChunk[] {
    const { delta = '', providerMetadata } = part;
    this.thought += delta;
    const signed = toThinkingBlocks(this.thought, providerMetadata, this.place);
    this.thinking.push(...signed);
    if (delta === '' && signed.length === 0) return [];
    return this.chunks({
      ...(delta && { reasoning_content: delta }),
      ...(signed.length > 0 && { thinking_blocks: [...this.thinking] }),
    });
  }

  private beginToolCall(id: string, name: string, input: string): ChatCompletionChunk[] {
    const index = this.indexByToolCall.size;
    this.indexByToolCall.set(id, index);
    return this.chunks({ tool_calls: [{ index, ...toToolCall(id, name, input) }] });
  }

  private continueToolCall(id: string, input: string): ChatCompletionChunk[] {
    const index = this.indexByToolCall.get(id);
    return index === undefined ? [] : this.chunks({ tool_calls: [{ index, function: { arguments: input } }] });
  }

  private chunks(
    delta: ChunkChoice['delta'],
    end: Pick<ChunkChoice, 'finish_reason' | 'stop_reason'> = { finish_reason: null },
  ): ChatCompletionChunk[] {
    const head: ChunkChoice['delta'] = this.hasBegun ? {} : { role: 'assistant' };
    this.hasBegun = true;
    return [
      {
        ...labelOf(this.request),
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta: { ...head, ...delta }, logprobs: null, ...end }],
      },
    ];
  }
}

/** A block of thinking as Anthropic signed or sealed it: one, or none for what nobody has to see again. */
function toThinkingBlocks(text: string, metadata: SharedV4ProviderMetadata | undefined, place: Place): ThinkingBlock[] {
  const { signature, redactedData: data } = metadata?.['anthropic'] ?? {};
  if (typeof signature === 'string' && signature !== '') {
    return [placed({ type: 'thinking', thinking: text, signature }, place)];
  }
  return typeof data === 'string' ? [placed({ type: 'redacted_thinking', data }, place)] : [];
}

/** The sequence that the model was to stop at and did, where the protocol tells it: Google's does not. */
function stopOf(metadata: SharedV4ProviderMetadata | undefined): { stop_reason?: string } {
  const stop = metadata?.['anthropic']?.['stopSequence'];
  return typeof stop === 'string' ? { stop_reason: stop } : {};
}

function labelOf({ requestId, createdAt, model }: ProviderRequest) {
  return { id: `chatcmpl-${requestId}`, created: Math.floor(createdAt.getTime() / 1000), model: model.id };
}

function toToolCall(id: string, name: string, input: string): AnswerToolCall {
  return { id, type: 'function', function: { name, arguments: input } };
}

/** What has no word in OpenAI's format is an ordinary end. */
const FINISH_REASONS: Readonly<Partial<Record<LanguageModelV4FinishReason['unified'], string>>> = {
  length: 'length',
  'content-filter': 'content_filter',
  'tool-calls': 'tool_calls',
};

function toFinishReason({ unified }: LanguageModelV4FinishReason): string {
  return FINISH_REASONS[unified] ?? 'stop';
}
