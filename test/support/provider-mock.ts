import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServedRequests } from './served-requests.js';

export interface RecordedCall {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

/** How the next answers are given, whatever the protocol; what is left out is as a well-behaved provider does it. */
export interface MockTrouble {
  delayMs?: number;
  status?: number;
  /** What the answer with the status has for headers. */
  headers?: Record<string, string>;
  /** The text of the error that goes with the status. */
  message?: string;
  /** Sent as it is, instead of an answer. */
  rawBody?: string;
  /** Streams only: what follows this many events comes once this is over, unless the client leaves meanwhile. */
  pause?: { after: number; over: Promise<void> };
  /** Streams only: the connection is cut after this many events. */
  cutAfterEvents?: number;
}

/** A provider on a port of its own that speaks some protocol, and records what it was asked. */
export abstract class ProviderMock<Behaviour extends MockTrouble> {
  readonly calls: RecordedCall[] = [];
  /** Streams whose client closed the connection before they ended. */
  abortedStreams = 0;
  protected behaviour: Partial<Behaviour> = {};
  private readonly served = new ServedRequests();
  private readonly server: Server = createServer((request, response) => {
    this.served.add(this.serve(request, response).catch(() => void response.destroy()));
  });

  idle(): Promise<void> {
    return this.served.idle();
  }

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  behave(behaviour: Partial<Behaviour>): void {
    this.behaviour = behaviour;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected abstract answer(call: RecordedCall, response: ServerResponse): Promise<void>;
  /** A refusal as the protocol writes it. */
  protected abstract refuse(status: number, message: string, response: ServerResponse): void;

  protected json(response: ServerResponse, body: object, status = 200): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  protected async events(response: ServerResponse, events: readonly string[]): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    const noteAborted = () => (this.abortedStreams += 1);
    response.once('close', noteAborted);
    const { pause } = this.behaviour;
    for (const [index, event] of events.entries()) {
      if (pause?.after === index) await Promise.race([pause.over, once(response, 'close')]);
      if (this.behaviour.cutAfterEvents === index || response.destroyed) {
        if (!response.destroyed) response.off('close', noteAborted).destroy();
        return;
      }
      response.write(event);
      if (this.behaviour.cutAfterEvents !== undefined || this.behaviour.delayMs) await sleep(5);
    }
    response.off('close', noteAborted).end();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readAll(request);
    const body = text ? (JSON.parse(text) as Record<string, unknown>) : {};
    const call = { method: request.method!, path: request.url!, headers: request.headers, body };
    this.calls.push(call);
    const { delayMs, status, headers = {}, message, rawBody } = this.behaviour;
    if (delayMs) await sleep(delayMs);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (rawBody !== undefined) response.writeHead(status ?? 200, { 'content-type': 'application/json' }).end(rawBody);
    else if (status) this.refuse(status, message ?? `mock status ${status}`, response);
    else await this.answer(call, response);
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
