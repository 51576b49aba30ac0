import { PassThrough } from 'node:stream';

/** What a client may leave unread: a reader that is this far behind comes back with the last id it has. */
const UNREAD_BYTES_MAX = 262_144;
/** Asked of clients that lose the connection. */
const RETRY_MS = 2_000;

export interface StreamedEvent {
  sequence: number;
  name: string;
  data: Record<string, unknown>;
  isLast: boolean;
}

/** One client that follows one row: it gets what it has not seen, in order, and the end after the last. */
export class EventStream {
  /** What the client reads. */
  readonly output = new PassThrough();
  private isReading = false;
  private isStale = false;

  constructor(
    /** What came after an event, in order. */
    private readonly read: (after: number) => Promise<StreamedEvent[]>,
    private after: number,
  ) {
    this.output.on('error', () => undefined);
    this.output.write(`retry: ${RETRY_MS}\n\n`);
  }

  /** Writes what is new. Called while it reads, it reads once more. */
  async refresh(): Promise<void> {
    this.isStale = true;
    if (this.isReading) return;
    this.isReading = true;
    try {
      while (this.isStale && this.output.writable) {
        this.isStale = false;
        for (const event of await this.read(this.after)) this.write(event);
      }
    } finally {
      this.isReading = false;
    }
  }

  /** A sign of life, which also finds out that the client has left. */
  beat(): void {
    this.push(': keep-alive\n\n');
  }

  /** The client is to come back, with the id of the last event it has. */
  end(): void {
    if (this.output.writable) this.output.end();
  }

  private write({ sequence, name, data, isLast }: StreamedEvent): void {
    this.after = sequence;
    this.push(`id: ${sequence}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    if (isLast) this.end();
  }

  private push(text: string): void {
    if (!this.output.writable) return;
    this.output.write(text);
    if (this.output.readableLength + this.output.writableLength > UNREAD_BYTES_MAX) this.output.destroy();
  }
}
