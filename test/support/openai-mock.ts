import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServedRequests } from './served-requests.js';

export interface MockUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details?: { cached_tokens: number; cache_write_tokens?: number; image_tokens?: number };
  completion_tokens_details?: { reasoning_tokens: number };
}

/** How the next answers are given; what is left out is as a well-behaved provider does it. */
export interface MockBehaviour {
  delayMs?: number;
  /** Nothing is answered before this is. */
  begun?: Promise<void>;
  /** Also as it depends on what was asked. */
  content?: string | ((body: Record<string, unknown>) => string);
  /** What the message, or each delta of a stream that has content, has beside or in the place of it. */
  message?: object;
  /** Null: the answer carries no usage. */
  usage?: MockUsage | null;
  status?: number;
  /** What the answer with the status has for headers. */
  headers?: Record<string, string>;
  /** The status is answered this many times only, and then what else is said here. */
  statusTimes?: number;
  /** Embeddings only: numbers are answered, whatever was asked for. */
  floatsOnly?: boolean;
  /** Embeddings only: of how many components each is; two unless it says so. */
  dimensions?: number;
  /** Sent as it is, instead of an answer. */
  rawBody?: string;
  /** Streams only: what follows this many chunks comes once this is over, unless the client leaves meanwhile. */
  pause?: { after: number; over: Promise<void> };
  /** Streams only: the connection is cut after this many chunks. */
  cutAfterChunks?: number;
  /** The connection is closed in place of an answer. */
  dropped?: boolean;
  /** Streams only: nothing follows this many chunks, and the connection stays. */
  stallAfterChunks?: number;
  /** Streams only: what follows this many chunks is no JSON. */
  garbageAfterChunks?: number;
  /** Streams only: every chunk carries the usage so far, as some servers do. */
  usageInEveryChunk?: boolean;
  /** Streams only: `[DONE]` is left out. */
  withoutDone?: boolean;
}

export interface RecordedRequest {
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

/** A provider that speaks OpenAI's chat completions over HTTP, plain and streamed, and counts what it would bill. */
export class OpenAiMock {
  readonly requests: RecordedRequest[] = [];
  billed = { requests: 0, promptTokens: 0, completionTokens: 0 };
  /** Streams whose client closed the connection before they ended. */
  abortedStreams = 0;
  /** Of all streams, as far as their connections took them. */
  streamedBytes = 0;
  private behaviour: MockBehaviour = {};
  private refusals = 0;
  private readonly served = new ServedRequests();
  private readonly server: Server = createServer((request, response) => {
    this.served.add(this.answer(request, response).catch(() => void response.destroy()));
  });

  constructor(private readonly isRecording = true) {}

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  idle(): Promise<void> {
    return this.served.idle();
  }

  behave(behaviour: MockBehaviour): void {
    this.behaviour = behaviour;
    this.refusals = 0;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/v1/models') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"list","data":[]}');
      return;
    }
    const body = JSON.parse(await readAll(request)) as Record<string, unknown>;
    if (this.isRecording) this.requests.push({ path: request.url!, headers: request.headers, body });
    const behaviour = this.nextBehaviour();
    if (behaviour.delayMs) await sleep(behaviour.delayMs);
    await behaviour.begun;
    if (behaviour.dropped) return void response.destroy();
    response.setHeader('x-request-id', 'req-of-the-provider');
    if (this.isTroubled(behaviour) || behaviour.rawBody !== undefined) {
      const error = {
        error: { message: `mock status ${behaviour.status}`, type: 'invalid_request_error', code: null, param: null },
      };
      const type = behaviour.rawBody?.startsWith('data:') ? 'text/event-stream' : 'application/json';
      response.writeHead(behaviour.status ?? 200, { ...behaviour.headers, 'content-type': type });
      response.end(behaviour.rawBody ?? JSON.stringify(error));
      return;
    }
    if (request.url === '/v1/embeddings') return this.embed(body, response);
    const said = behaviour.content ?? 'Hello from the mock.';
    const content = typeof said === 'string' ? said : said(body);
    const usage = behaviour.usage === undefined ? usageOf(body, content) : behaviour.usage;
    const answer: Answer = { behaviour, model: String(body['model']), content, usage };
    if (body['stream'] === true) await this.stream(answer, body, response);
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(completionOf(answer)));
    this.bill(usage);
  }

  /** How the request that came just now is answered. */
  protected nextBehaviour(): MockBehaviour {
    return this.behaviour;
  }

  private isTroubled({ status, statusTimes = Infinity }: MockBehaviour): boolean {
    if (!status || this.refusals >= statusTimes) return false;
    this.refusals += 1;
    return true;
  }

  private async stream(answer: Answer, body: Record<string, unknown>, response: ServerResponse): Promise<void> {
    const { behaviour } = answer;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    let isCut = false;
    const closed = new AbortController();
    response.once('close', () => {
      closed.abort();
      if (!response.writableFinished && !isCut) this.abortedStreams += 1;
    });
    const wantsUsage = (body['stream_options'] as { include_usage?: boolean } | undefined)?.include_usage === true;
    const words = answer.content.split(/(?<= )/);
    for (const [index, word] of words.entries()) {
      isCut = behaviour.cutAfterChunks === index;
      if (isCut) response.destroy();
      if (response.destroyed) return;
      if (behaviour.pause?.after === index) await Promise.race([behaviour.pause.over, once(response, 'close')]);
      if (response.destroyed) return;
      if (behaviour.stallAfterChunks === index) return void (await once(response, 'close'));
      if (behaviour.garbageAfterChunks === index) response.write('data: {"choices": [{]}\n\n');
      const delta = { content: word, ...(index === 0 && { role: 'assistant' }), ...behaviour.message };
      const chunk = chunkOf(answer, delta, null);
      const text = event({
        ...chunk,
        ...(behaviour.usageInEveryChunk && { usage: soFar(answer.usage, (index + 1) / (words.length + 1)) }),
      });
      this.streamedBytes += text.length;
      if (!response.write(text)) await once(response, 'drain', closed).catch(() => undefined);
      if (behaviour.cutAfterChunks !== undefined || behaviour.delayMs) await sleep(5);
    }
    response.write(event(chunkOf(answer, {}, 'stop')));
    if (wantsUsage && answer.usage)
      response.write(event({ ...chunkOf(answer, {}, null), choices: [], usage: answer.usage }));
    if (!behaviour.withoutDone) response.write('data: [DONE]\n\n');
    response.end();
  }

  /** Vectors that begin with how long the text is, and which one it was. They come in no order, each number on a line of its own. */
  private embed(body: Record<string, unknown>, response: ServerResponse): void {
    const inputs = (Array.isArray(body['input']) ? body['input'] : [body['input']]) as unknown[];
    const tokens = inputs.reduce<number>((sum, input) => sum + Math.ceil(String(input).length / 4), 0);
    const isBase64 = body['encoding_format'] === 'base64' && !this.behaviour.floatsOnly;
    const rest = Array.from({ length: (this.behaviour.dimensions ?? 2) - 2 }, () => -0.006929283495992422);
    const data = inputs.map((input, index) => {
      const vector = [String(input).length, index + 0.5, ...rest];
      const embedding = isBase64 ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector;
      return { object: 'embedding', index, embedding };
    });
    const usage = this.behaviour.usage === undefined ? { prompt_tokens: tokens, total_tokens: tokens } : null;
    const list = { object: 'list', model: body['model'], data: data.reverse(), ...(usage && { usage }) };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(list, null, 2));
    this.billed.requests += 1;
    this.billed.promptTokens += usage?.prompt_tokens ?? 0;
  }

  private bill(usage: MockUsage | null): void {
    this.billed.requests += 1;
    this.billed.promptTokens += usage?.prompt_tokens ?? 0;
    this.billed.completionTokens += usage?.completion_tokens ?? 0;
  }
}

interface Answer {
  behaviour: MockBehaviour;
  model: string;
  content: string;
  usage: MockUsage | null;
}

async function readAll(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

/** One token for every four characters, as a rule of thumb: what matters is that both sides agree on it. */
function usageOf(body: Record<string, unknown>, content: string): MockUsage {
  const promptTokens = Math.ceil(JSON.stringify(body['messages']).length / 4);
  const completionTokens = Math.ceil(content.length / 4);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

/** What has been counted when a part of the output is there. */
function soFar(usage: MockUsage | null, share: number): MockUsage | null {
  if (!usage) return null;
  const completionTokens = Math.floor(usage.completion_tokens * share);
  return { ...usage, completion_tokens: completionTokens, total_tokens: usage.prompt_tokens + completionTokens };
}

function completionOf({ behaviour, model, content, usage }: Answer): object {
  const message = { role: 'assistant', content, refusal: null, ...behaviour.message };
  return {
    id: 'chatcmpl-mock',
    object: 'chat.completion',
    created: 1_780_000_000,
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
    ...(usage && { usage }),
  };
}

function chunkOf({ model }: Answer, delta: object, finishReason: string | null): object {
  return {
    id: 'chatcmpl-mock',
    object: 'chat.completion.chunk',
    created: 1_780_000_000,
    model,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
  };
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
