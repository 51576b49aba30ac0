import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ChatCompletion, ChatCompletionChunk, ChunkChoice } from '../wire/chat-answer.js';
import type { ReportedUsage } from '../domain/reported-usage.js';
import { inputsOf } from '../wire/embedding.js';
import { toWireUsage } from '../wire/wire-usage.js';
import {
  ProviderFailure,
  type ChatProvider,
  type EmbeddingAnswer,
  type EmbeddingRequest,
  type ProviderAnswer,
  type ProviderEvent,
  type ProviderRequest,
} from './chat-provider.js';
import { countSandboxTokens, usageOf, writeScript, type Script } from './sandbox-script.js';

/** How long a stream whose client left is read on. */
const DRAIN_CAP_MS = 10_000;
/** Of an embedding, unless the caller wants another number. */
const DIMENSIONS = 256;
/** Characters of one streamed chunk. */
const CHUNK_LENGTH = 12;
/** Chunks that `sandbox-drop-mid-stream` sends before its connection breaks. */
const CHUNKS_BEFORE_DROP = 2;

/** Answers without a provider account, always the same for the same request. What a model does wrong on request follows from its id. */
@Injectable()
export class SandboxProvider implements ChatProvider {
  readonly name = 'sandbox';
  readonly cachesMarked = false;
  readonly onDisconnect = { kind: 'drain', capMs: DRAIN_CAP_MS } as const;

  /** Only asking tells. */
  refuses(): Promise<null> {
    return Promise.resolve(null);
  }

  async complete(request: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer> {
    await this.misbehave(request, signal);
    if (request.model.id === 'sandbox-drop-mid-stream') throw new ProviderFailure('the connection broke');
    const script = writeScript(request);
    const usage = this.reportedUsage(request, script);
    const completion: ChatCompletion = {
      ...this.label(request),
      object: 'chat.completion',
      choices: Array.from({ length: script.choices }, (_, index) => ({
        index,
        message: {
          role: 'assistant',
          content: script.toolCalls.length > 0 ? null : script.text,
          refusal: null,
          ...(script.toolCalls.length > 0 && { tool_calls: script.toolCalls }),
        },
        logprobs: null,
        finish_reason: script.finishReason,
      })),
      ...(usage && { usage: toWireUsage(usage) }),
    };
    return { completion, usage, providerRequestId: null };
  }

  async *stream(request: ProviderRequest, signal: AbortSignal): AsyncGenerator<ProviderEvent[]> {
    await this.misbehave(request, signal);
    const script = writeScript(request);
    const chunksToDrop = request.model.id === 'sandbox-drop-mid-stream' ? CHUNKS_BEFORE_DROP : Infinity;
    let sent = 0;
    for (const choice of this.chunkChoices(script)) {
      if (sent === chunksToDrop) throw new ProviderFailure('the connection broke');
      signal.throwIfAborted();
      const chunk: ChatCompletionChunk = { ...this.label(request), object: 'chat.completion.chunk', choices: [choice] };
      yield [{ kind: 'chunk', chunk }];
      sent += 1;
    }
    const usage = this.reportedUsage(request, script);
    if (usage) yield [{ kind: 'usage', usage, providerRequestId: null }];
  }

  embed({ body }: EmbeddingRequest): Promise<EmbeddingAnswer> {
    const texts = inputsOf(body).map((input) => (typeof input === 'string' ? input : input.join(' ')));
    const vectors = texts.map((text) => vectorOf(text, body.dimensions ?? DIMENSIONS));
    const inputTokens = inputsOf(body).reduce((sum, input) => sum + countSandboxTokens(input), 0);
    const usage = { inputTokens, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };
    return Promise.resolve({ vectors, usage, providerRequestId: null });
  }

  private label({ requestId, createdAt, model }: ProviderRequest) {
    return { id: `chatcmpl-${requestId}`, created: Math.floor(createdAt.getTime() / 1000), model: model.id };
  }

  private async misbehave(request: ProviderRequest, signal: AbortSignal): Promise<void> {
    if (request.model.id === 'sandbox-error-500')
      throw new ProviderFailure('the sandbox was asked to fail with status 500');
    if (request.model.id === 'sandbox-timeout') await untilAborted(signal);
  }

  private reportedUsage(request: ProviderRequest, script: Script): ReportedUsage | null {
    switch (request.model.id) {
      case 'sandbox-no-usage':
        return null;
      case 'sandbox-zero-usage':
        return { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };
      case 'sandbox-exact': {
        const { inputTokens, outputTokensPerChoice, choices } = request.assumed;
        return { ...usageOf(request, script), inputTokens, outputTokens: outputTokensPerChoice * choices };
      }
      default:
        return usageOf(request, script);
    }
  }

  private *chunkChoices(script: Script): Generator<ChunkChoice> {
    for (let index = 0; index < script.choices; index += 1) {
      yield { index, delta: { role: 'assistant', content: '', refusal: null }, finish_reason: null };
      for (const call of script.toolCalls) {
        const head = { ...call, function: { name: call.function.name, arguments: '' } };
        yield { index, delta: { tool_calls: [{ index: 0, ...head }] }, finish_reason: null };
        yield {
          index,
          delta: { tool_calls: [{ index: 0, function: { arguments: call.function.arguments } }] },
          finish_reason: null,
        };
      }
      const characters = Array.from(script.text);
      for (let start = 0; start < characters.length; start += CHUNK_LENGTH) {
        yield {
          index,
          delta: { content: characters.slice(start, start + CHUNK_LENGTH).join('') },
          finish_reason: null,
        };
      }
      yield { index, delta: {}, finish_reason: script.finishReason };
    }
  }
}

/** A direction that depends on nothing but the text, of length 1. */
function vectorOf(text: string, dimensions: number): number[] {
  const bytes = createHash('shake256', { outputLength: dimensions }).update(text).digest();
  const components = Array.from(bytes, (byte) => byte - 127.5);
  const length = Math.hypot(...components);
  return components.map((component) => component / length);
}

/** Never answers: ends when the caller's patience does. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
