import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** OpenTelemetry's numbers for the sides of a call. */
export const SIDES = { internal: 1, server: 2, client: 3 } as const;

export interface CollectedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  kind: number;
  attributes: Record<string, unknown>;
  /** 0 unset, 2 error. */
  status: number;
}

interface AnyValue {
  stringValue?: string;
  intValue?: number | string;
  doubleValue?: number;
  boolValue?: boolean;
  arrayValue?: { values: AnyValue[] };
}

interface WireSpan extends Omit<CollectedSpan, 'attributes' | 'status'> {
  attributes: { key: string; value: AnyValue }[];
  status?: { code?: number };
}

interface ExportRequest {
  resourceSpans: { resource: { attributes: WireSpan['attributes'] }; scopeSpans: { spans: WireSpan[] }[] }[];
}

/** An OpenTelemetry collector, as far as a client sees one: `POST /v1/traces` in OTLP's JSON encoding. */
export class TraceCollector {
  readonly spans: CollectedSpan[] = [];
  readonly resources: Record<string, unknown>[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  /** All that was sent, as it came. */
  received = '';
  private readonly server: Server = createServer((request, response) => {
    this.collect(request, response).catch(() => response.destroy());
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The spans of a trace, once one is among them that `name` begins. */
  async trace(traceId: string, name: string): Promise<CollectedSpan[]> {
    await this.find((span) => span.traceId === traceId && span.name.startsWith(name));
    return this.spans.filter((span) => span.traceId === traceId);
  }

  /** Waits for a span, which comes with a batch of others. */
  async find(isMeant: (span: CollectedSpan) => boolean): Promise<CollectedSpan> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const found = this.spans.find(isMeant);
      if (found) return found;
      await sleep(50);
    }
    throw new Error(`it never came; there are ${this.spans.map((span) => span.name).join(', ')}`);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async collect(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const text = Buffer.concat(parts).toString('utf8');
    if (request.method !== 'POST' || request.url !== '/v1/traces') return void response.writeHead(404).end();
    this.received += text;
    this.headers.push(request.headers);
    for (const { resource, scopeSpans } of (JSON.parse(text) as ExportRequest).resourceSpans) {
      this.resources.push(factsOf(resource.attributes));
      for (const { spans } of scopeSpans) this.spans.push(...spans.map(toSpan));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}');
  }
}

function toSpan({ attributes, status, ...span }: WireSpan): CollectedSpan {
  return { ...span, attributes: factsOf(attributes), status: status?.code ?? 0 };
}

function factsOf(attributes: WireSpan['attributes']): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: AnyValue): unknown {
  if (value.arrayValue) return value.arrayValue.values.map(valueOf);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.doubleValue ?? value.boolValue;
}
