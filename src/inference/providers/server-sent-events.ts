import { createParser } from 'eventsource-parser';

/** One event is a few words, or one tool call; a line that never ends is an attack or a fault. */
const EVENT_LENGTH_MAX = 4 * 1_024 * 1_024;

/** The `data` of the server-sent events that arrived together, however the bytes were cut on their way. Never an empty list. */
export async function* readEventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  const ready: string[] = [];
  const parser = createParser({ onEvent: (event) => ready.push(event.data), maxBufferSize: EVENT_LENGTH_MAX });
  for await (const bytes of body) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    if (ready.length > 0) yield ready.splice(0);
  }
}
