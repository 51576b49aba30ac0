import type { ChatCompletionChunk } from '../wire/chat-answer.js';
import { readWireUsage } from '../wire/wire-usage.js';
import { type ProviderEvent, ProviderFailure } from './chat-provider.js';
import { readEventData } from './server-sent-events.js';

const DONE = '[DONE]';

interface StreamLabels {
  /** What the chunks are labelled with, instead of the provider's own name of the model. */
  modelId: string;
  providerRequestId: string | null;
}

/**
 * The events of a streamed chat completion. It ends well with `[DONE]`, or, for servers that leave that out, after every choice has a
 * finish reason.
 * @throws ProviderFailure when the stream breaks off, reports an error, or is no chat completion.
 */
export async function* readCompletionStream(
  body: AsyncIterable<Uint8Array>,
  { modelId, providerRequestId }: StreamLabels,
): AsyncGenerator<ProviderEvent> {
  let isFinished = false;
  for await (const data of readEventData(body)) {
    if (data === DONE) return;
    const chunk = parseChunk(data);
    const usage = readWireUsage(chunk.usage);
    if (chunk.choices.length > 0) {
      isFinished = chunk.choices.every((choice) => choice.finish_reason !== null && choice.finish_reason !== undefined);
      const { usage: _reported, ...rest } = chunk;
      yield { kind: 'chunk', chunk: { ...rest, model: modelId } };
    }
    if (usage) yield { kind: 'usage', usage, providerRequestId, providerModel: chunk.model };
  }
  if (!isFinished) throw new ProviderFailure('the provider broke the stream off');
}

function parseChunk(data: string): ChatCompletionChunk {
  let chunk: (Partial<ChatCompletionChunk> & { error?: unknown }) | null;
  try {
    chunk = JSON.parse(data) as typeof chunk;
  } catch (error) {
    throw new ProviderFailure('the stream held something that is not JSON', { cause: error });
  }
  if (chunk?.error) throw new ProviderFailure('the provider reported an error in the middle of the stream');
  if (!Array.isArray(chunk?.choices) || !chunk.choices.every((choice) => choice?.delta)) {
    throw new ProviderFailure('the stream held something that is no chunk of a chat completion');
  }
  return chunk as ChatCompletionChunk;
}
