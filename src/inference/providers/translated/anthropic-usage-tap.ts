import type { ReportedUsage } from '../../domain/reported-usage.js';
import { isCount } from '../../wire/wire-usage.js';
import { ProviderFailure } from '../chat-provider.js';
import { EventDataReader } from '../server-sent-events.js';

/** An answer beyond this is no message. */
const ANSWER_LENGTH_MAX = 32 * 1_024 * 1_024;
const REQUEST_ID_LENGTH_MAX = 128;
/** What the library is given in place of the figures: it refuses an answer without any, and has no use for them. */
const NO_FIGURES = { input_tokens: 0, output_tokens: 0 };

interface AnthropicUsage {
  input_tokens?: unknown;
  cache_read_input_tokens?: unknown;
  cache_creation_input_tokens?: unknown;
  output_tokens?: unknown;
  output_tokens_details?: { thinking_tokens?: unknown } | null;
}

/**
 * Reads the usage off an answer as it passes, because the library makes zero of what is absent, which would be given away for free. Every
 * figure of a stream is the total so far: the last one counts.
 */
export class AnthropicUsageTap {
  requestId: string | null = null;
  private figures: AnthropicUsage = {};
  /** Whether the figures are those of the end: what a stream begins with knows nothing of the output yet. */
  private areFinal = false;

  /** What was reported, normalised; null for nothing, and for figures that cannot be. */
  get usage(): ReportedUsage | null {
    return this.areFinal ? readAnthropicUsage(this.figures) : null;
  }

  async observe(response: Response): Promise<Response> {
    this.requestId = response.headers.get('request-id')?.slice(0, REQUEST_ID_LENGTH_MAX) ?? null;
    if (!response.ok || !response.body) return response;
    const { status, headers } = response;
    const isStream = headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const body = isStream ? ReadableStream.from(this.observeEvents(response.body)) : await this.observeWhole(response);
    return new Response(body, { status, headers: { 'content-type': headers.get('content-type') ?? '' } });
  }

  private async observeWhole(response: Response): Promise<string> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const part of response.body as AsyncIterable<Uint8Array>) {
      text += decoder.decode(part, { stream: true });
      if (text.length > ANSWER_LENGTH_MAX) throw new ProviderFailure('the answer was too large');
    }
    const message = parseObject(text);
    if (!message) return text;
    return JSON.stringify(this.noteFigures(message, true));
  }

  private async *observeEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder();
    const reader = new EventDataReader();
    for await (const bytes of body) {
      const observed = reader.read(bytes).map((data) => `data: ${this.observeEvent(data)}\n\n`);
      if (observed.length > 0) yield encoder.encode(observed.join(''));
    }
  }

  private observeEvent(data: string): string {
    if (!/"message_(start|delta)"/.test(data)) return data;
    const event = parseObject(data);
    if (event?.['type'] === 'message_start' && isObject(event['message'])) {
      return JSON.stringify({ ...event, message: this.noteFigures(event['message'], false) });
    }
    return event?.['type'] === 'message_delta' ? JSON.stringify(this.noteFigures(event, true)) : data;
  }

  private noteFigures(message: Record<string, unknown>, areFinal: boolean): Record<string, unknown> {
    const { usage } = message;
    if (isObject(usage)) {
      const told = Object.entries(usage).filter(([, value]) => value !== null);
      this.figures = { ...this.figures, ...Object.fromEntries(told) };
      this.areFinal ||= areFinal;
    }
    return { ...message, usage: NO_FIGURES };
  }
}

/** Anthropic's input tokens leave out what was read from the cache and written to it; its output tokens include thinking. */
export function readAnthropicUsage(usage: AnthropicUsage): ReportedUsage | null {
  const read = usage.cache_read_input_tokens ?? 0;
  const written = usage.cache_creation_input_tokens ?? 0;
  const thought = usage.output_tokens_details?.thinking_tokens ?? 0;
  const { input_tokens: uncached, output_tokens: output } = usage;
  if (!isCount(uncached) || !isCount(read) || !isCount(written) || !isCount(output) || !isCount(thought)) return null;
  const inputTokens = uncached + read + written;
  if (thought > output || !isCount(inputTokens)) return null;
  return {
    inputTokens,
    cachedInputTokens: read,
    cacheWriteTokens: written,
    outputTokens: output,
    reasoningTokens: thought,
  };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
