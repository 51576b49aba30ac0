import { createParser, type EventSourceParser } from 'eventsource-parser';

/** One event is a few words, or one tool call; a line that never ends is an attack or a fault. */
const EVENT_LENGTH_MAX = 4 * 1_024 * 1_024;

/** Reads server-sent events from bytes, however they were cut on their way. */
export class EventDataReader {
  private readonly decoder = new TextDecoder();
  private readonly parser: EventSourceParser;
  private ready: string[] = [];

  constructor() {
    this.parser = createParser({ onEvent: (event) => this.ready.push(event.data), maxBufferSize: EVENT_LENGTH_MAX });
  }

  /** The `data` of the events that end in these bytes; often none, and often several. */
  read(bytes: Uint8Array): string[] {
    this.parser.feed(this.decoder.decode(bytes, { stream: true }));
    const { ready } = this;
    this.ready = [];
    return ready;
  }
}
