import { createParser } from 'eventsource-parser';

export interface ReadEvent {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

export interface EventReader {
  /** What has arrived so far. */
  events: ReadEvent[];
  /** Resolves when the server ends the stream or the connection breaks. */
  ended: Promise<void>;
  status(): number | undefined;
  contentType(): string | undefined;
  /** Leaves, as a client does that loses its network. */
  close(): void;
}

/** Follows an event stream until it ends. */
export function followEvents(url: string, { token, lastId }: { token?: string; lastId?: string } = {}): EventReader {
  const events: ReadEvent[] = [];
  const leaving = new AbortController();
  let response: Response | undefined;
  const read = async (): Promise<void> => {
    response = await fetch(url, {
      signal: leaving.signal,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...(lastId && { 'last-event-id': lastId }) },
    });
    const parser = createParser({
      onEvent: ({ id = '', event = '', data }) => {
        if (!leaving.signal.aborted) events.push({ id, event, data: JSON.parse(data) as Record<string, unknown> });
      },
    });
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
  };
  return {
    events,
    ended: read().catch(() => undefined),
    status: () => response?.status,
    contentType: () => response?.headers.get('content-type') ?? undefined,
    close: () => leaving.abort(),
  };
}
