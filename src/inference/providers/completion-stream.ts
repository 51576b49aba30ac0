import { type ChatCompletionChunk, type ChunkChoice, tidyDelta } from '../wire/chat-answer.js';
import { CallNumbering } from '../wire/numbered-calls.js';
import { readWireUsage } from '../wire/wire-usage.js';
import { type ProviderEvent, ProviderFailure } from './chat-provider.js';
import { lateRefusalOf } from './provider-refusal.js';
import { EventDataReader } from './server-sent-events.js';

const DONE = '[DONE]';

interface StreamLabels {
  /** What the chunks are labelled with, instead of the provider's own name of the model. */
  modelId: string;
  providerRequestId: string | null;
}

/**
 * The events of a streamed chat completion, together as they arrived. It ends well with `[DONE]`, or, for servers that leave that out, after every choice has a
 * finish reason.
 * @throws ProviderRejection where it begins with an error that is the caller's; ProviderFailure when it breaks off, reports another error, or is no
 * chat completion.
 */
export async function* readCompletionStream(
  body: AsyncIterable<Uint8Array>,
  { modelId, providerRequestId }: StreamLabels,
): AsyncGenerator<ProviderEvent[]> {
  let hasBegun = false;
  let isDone = false;
  /** By choice: whether it told its end. */
  const ends = new Map<number, boolean>();
  const reader = new EventDataReader();
  const calls = new CallNumbering();
  const isFinished = () => ends.size > 0 && [...ends.values()].every(Boolean);
  for await (const bytes of untilBroken(body, isFinished)) {
    const arrived = reader.read(bytes);
    if (arrived.length === 0) continue;
    const events: ProviderEvent[] = [];
    try {
      for (const data of arrived) {
        isDone = data === DONE;
        if (isDone) break;
        const chunk = parseChunk(data, hasBegun);
        const { usage: reported, model: providerModel } = chunk;
        const usage = readWireUsage(reported);
        for (const choice of chunk.choices) {
          if (choice.delta.tool_calls) calls.number(choice);
          if (choice.finish_reason) ends.set(choice.index, true);
          else if (!ends.has(choice.index)) ends.set(choice.index, false);
        }
        if (chunk.choices.length > 0) {
          chunk.model = modelId;
          // Not deleted: an object that lost a member takes twice as long to write.
          chunk.usage = undefined;
          events.push({ kind: 'chunk', chunk });
        }
        if (usage) events.push({ kind: 'usage', usage, providerRequestId, providerModel });
        hasBegun ||= events.length > 0;
      }
    } finally {
      // Also what came before something that breaks the stream off was delivered, and is owed.
      if (events.length > 0) yield events;
    }
    if (isDone) return;
  }
  if (!isFinished()) throw new ProviderFailure('the provider broke the stream off');
}

/** What arrives; a connection that breaks when nothing is missing any more has only ended. */
async function* untilBroken(body: AsyncIterable<Uint8Array>, isFinished: () => boolean): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    if (!(error instanceof ProviderFailure) || !isFinished()) throw error;
  }
}

/** Once a part of the answer is there, an error is one of the provider: what has been delivered is charged. */
function parseChunk(data: string, hasBegun: boolean): ChatCompletionChunk {
  let chunk: (Partial<ChatCompletionChunk> & { error?: unknown }) | null;
  try {
    chunk = JSON.parse(data) as typeof chunk;
  } catch (error) {
    throw new ProviderFailure('the stream held something that is not JSON', { cause: error });
  }
  if (chunk?.error) {
    const refusal = hasBegun ? null : lateRefusalOf(chunk.error);
    throw refusal ?? new ProviderFailure('the provider reported an error in the middle of the stream');
  }
  if (!Array.isArray(chunk?.choices) || !chunk.choices.every((choice) => choice)) {
    throw new ProviderFailure('the stream held something that is no chunk of a chat completion');
  }
  if (!chunk.choices.every(({ delta }) => delta)) chunk.choices = withDelta(chunk.choices);
  for (const { delta } of chunk.choices) tidyDelta(delta);
  return chunk as ChatCompletionChunk;
}

/**
 * Azure's filter reports what it found on choices of their own, without a delta and beside the answer: none of it is the model's. An end that
 * some servers write without a delta is one all the same.
 */
function withDelta(choices: readonly Partial<ChunkChoice>[]): ChunkChoice[] {
  const said = choices.filter(({ delta, finish_reason: reason }) => delta ?? reason);
  return said.map((choice) => ({ ...choice, delta: choice.delta ?? {} }) as ChunkChoice);
}
