import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { ProviderEndpoint } from '../../config/provider-endpoints.js';
import { isConstrainedParameter } from '../../models/domain/constrained-parameters.js';
import type { Refusal } from '../domain/account-trouble.js';
import { type ChatCompletion, tidyMessage, type WireUsage } from '../wire/chat-answer.js';
import { hasThinking, withoutThinking } from '../wire/chat-message.js';
import { inputsOf } from '../wire/embedding.js';
import { withShortCallIds } from '../wire/tool-results.js';
import { readWireUsage } from '../wire/wire-usage.js';
import {
  type ChatProvider,
  type EmbeddingAnswer,
  type EmbeddingProvider,
  type EmbeddingRequest,
  type ProviderAnswer,
  type ProviderEvent,
  ProviderFailure,
  ProviderRejection,
  type ProviderRequest,
} from './chat-provider.js';
import { readCompletionStream } from './completion-stream.js';
import { type AnswerBody, type OpenAnswer, openAnswer } from './open-answer.js';
import { lateRefusalOf, readRefusal, refusalOf } from './provider-refusal.js';
import { wasNeverSent } from './retryable.js';
import { AnswerTooLarge, fetchWhole, type WholeAnswer } from './whole-answer.js';

/** Aborting saves nothing with most providers, so a stream whose client has left is read on for this long. */
const DRAIN_CAP_MS = 60_000;
/** Of an answer that refuses a stream, this much is read at most. */
const REFUSAL_BYTES_MAX = 64 * 1_024;
/** What may follow `[DONE]` before the connection is given up. */
const REST_BYTES_MAX = 1_024;
/** The most inputs with the most components of any model in use take this much in the compact encoding, and as numbers several times as much. */
const EMBEDDINGS_BYTES_MAX = 64 * 1_024 * 1_024;
/** With more inputs the compact encoding is asked for, whatever the caller wants. A server that knows it not answers in numbers. */
const FEW_INPUTS = 128;
/** Only OpenAI itself is known to take the field; leaving it out would let the account's own setting choose the price. */
const SERVICE_TIER_PROVIDERS = new Set(['openai']);
/** They take what is noted down with a request only where the answer is kept, which it never is, and refuse the request otherwise. */
const KEEPING_PROVIDERS = new Set(['openai', 'azure']);

interface OutgoingCall {
  path: string;
  body: object;
  traceparent: string | undefined;
}

/** Any server that speaks `POST /chat/completions` as OpenAI does: OpenAI, Azure, Ollama, vLLM, OpenRouter. */
export class OpenAiCompatibleProvider implements ChatProvider, EmbeddingProvider {
  /** Its kind caches by itself, and knows no marks. */
  readonly cachesMarked = false;
  readonly onDisconnect = { kind: 'drain', capMs: DRAIN_CAP_MS } as const;

  private readonly origin: string;
  private readonly basePath: string;
  private readonly headers: Record<string, string>;

  constructor(
    readonly name: string,
    endpoint: ProviderEndpoint,
    private readonly dispatcher: Dispatcher,
  ) {
    const { origin, pathname } = new URL(endpoint.baseUrl);
    this.origin = origin;
    this.basePath = pathname.replace(/\/$/, '');
    this.headers = {
      'content-type': 'application/json',
      ...(endpoint.apiKey !== null && { authorization: `Bearer ${endpoint.apiKey}` }),
    };
  }

  /** Only asking tells. */
  refuses(): Promise<null> {
    return Promise.resolve(null);
  }

  async complete(request: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer> {
    const { text, headers } = await this.ask(
      { path: '/chat/completions', body: this.bodyOf(request, false), traceparent: request.traceparent },
      signal,
    );
    const completion = parseCompletion(text);
    return {
      completion: { ...completion, model: request.model.id },
      usage: readWireUsage(completion.usage),
      providerRequestId: requestIdOf(headers),
      providerModel: completion.model,
    };
  }

  async *stream(request: ProviderRequest, signal: AbortSignal): AsyncGenerator<ProviderEvent[]> {
    const { body, headers } = await this.open(
      { path: '/chat/completions', body: this.bodyOf(request, true), traceparent: request.traceparent },
      signal,
    );
    let isRead = false;
    try {
      if (!String(headers['content-type']).startsWith('text/event-stream'))
        throw new ProviderFailure('the answer was no stream');
      const labels = { modelId: request.model.id, providerRequestId: requestIdOf(headers) };
      yield* readCompletionStream(body, labels);
      isRead = true;
    } finally {
      // What follows the last event is a few bytes at most: taken, so that the connection serves the next request.
      if (isRead) body.leave(REST_BYTES_MAX);
      else body.leave();
    }
  }

  async embed(request: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingAnswer> {
    const { model, body } = request;
    const { length: count } = inputsOf(body);
    const sent = { ...body, model: model.name, ...(count > FEW_INPUTS && { encoding_format: 'base64' }) };
    const call = { path: '/embeddings', body: sent, traceparent: request.traceparent };
    const { text, headers } = await this.ask(call, signal, EMBEDDINGS_BYTES_MAX).catch(tooManyInputs);
    const { vectors, usage } = parseEmbeddings(text, count);
    return { vectors, usage, providerRequestId: requestIdOf(headers) };
  }

  /** An answer as a whole. */
  private async ask(call: OutgoingCall, signal: AbortSignal, bytesMax?: number): Promise<WholeAnswer> {
    const post = this.post(call, 'application/json');
    const answer = await fetchWhole(this.dispatcher, post, signal, bytesMax).catch(unreachable(signal));
    if (answer.statusCode !== 200) throw refusalOf(answer.statusCode, refusalIn(answer.text), answer.headers);
    return answer;
  }

  /** An answer as it comes. */
  private async open(call: OutgoingCall, signal: AbortSignal): Promise<OpenAnswer> {
    const post = this.post(call, 'text/event-stream');
    const answer = await openAnswer(this.dispatcher, post, signal).catch(unreachable(signal));
    const { statusCode, headers, body } = answer;
    if (statusCode !== 200) throw refusalOf(statusCode, refusalIn(await readText(body)), headers);
    return answer;
  }

  private post(call: OutgoingCall, accept: string): Dispatcher.DispatchOptions & { method: 'POST' } {
    const { path, body, traceparent } = call;
    return {
      origin: this.origin,
      path: `${this.basePath}${path}`,
      method: 'POST',
      headers: { ...this.headers, accept, ...(traceparent && { traceparent }) },
      body: JSON.stringify(body),
    };
  }

  /** The caller's fields as they came, the constrained parameters as they were resolved, and usage always asked for. */
  private bodyOf({ body, parameters, model }: ProviderRequest, isStream: boolean): Record<string, unknown> {
    const sent: Record<string, unknown> = {};
    const { thinking_budget: _, ...fields } = body;
    for (const [field, value] of Object.entries(fields)) {
      if (value !== null && !isConstrainedParameter(field)) sent[field] = value;
    }
    sent['messages'] = withShortCallIds(
      body.messages.some(hasThinking) ? withoutThinking(body.messages) : body.messages,
    );
    Object.assign(sent, parameters, { model: model.name, stream: isStream });
    if (KEEPING_PROVIDERS.has(this.name)) delete sent['metadata'];
    if (SERVICE_TIER_PROVIDERS.has(this.name)) sent['service_tier'] = 'default';
    if (isStream) sent['stream_options'] = { ...body.stream_options, include_usage: true };
    else delete sent['stream_options'];
    return sent;
  }
}

/** What a request that came to nothing is told as. */
function unreachable(signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    signal.throwIfAborted();
    if (error instanceof ProviderFailure) throw error;
    const isRetryable = wasNeverSent(error);
    throw new ProviderFailure('the provider could not be reached', { cause: error, isRetryable });
  };
}

/** How much is answered is the caller's doing, and sent again it would be as much. */
function tooManyInputs(error: unknown): never {
  if (!(error instanceof AnswerTooLarge)) throw error;
  throw new ProviderRejection('its answer is too large to be read; send fewer inputs at a time');
}

async function readText(body: AnswerBody): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    parts.push(part);
    if (length <= REFUSAL_BYTES_MAX) continue;
    body.leave();
    throw new ProviderFailure('the answer was too large');
  }
  return Buffer.concat(parts).toString('utf8');
}

/** What a refusal says; nothing where it is not JSON, because there is nothing in it that a caller could act on. */
function refusalIn(text: string): Refusal {
  try {
    return readRefusal((JSON.parse(text) as { error?: unknown }).error);
  } catch {
    return { message: '' };
  }
}

function hasMessage(choice: Partial<ChatCompletion['choices'][number]> | null): boolean {
  return typeof choice?.message === 'object' && choice.message !== null;
}

function parseCompletion(text: string): ChatCompletion {
  let completion: (Partial<ChatCompletion> & { error?: unknown }) | null;
  try {
    completion = JSON.parse(text) as typeof completion;
  } catch (error) {
    throw new ProviderFailure('the answer was not JSON', { cause: error });
  }
  const choices = completion?.choices;
  if (!Array.isArray(choices) || choices.length === 0 || !choices.every(hasMessage)) {
    throw lateRefusalOf(completion?.error) ?? new ProviderFailure('the answer was no chat completion');
  }
  for (const { message } of choices) tidyMessage(message);
  return completion as ChatCompletion;
}

/** What a provider answered for `count` inputs, in their order. */
function parseEmbeddings(text: string, count: number): Pick<EmbeddingAnswer, 'vectors' | 'usage'> {
  let answer: { data?: unknown; usage?: Partial<WireUsage> } | null;
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch (error) {
    throw new ProviderFailure('the answer was not JSON', { cause: error });
  }
  const found = Array.isArray(answer?.data) ? (answer.data as { index?: unknown; embedding?: unknown }[]) : [];
  const vectors: (number[] | string)[] = [];
  for (const [position, item] of found.entries()) {
    const index = Number.isInteger(item?.index) ? (item.index as number) : position;
    if (isVector(item?.embedding)) vectors[index] = item.embedding;
  }
  if (vectors.length !== count || Object.keys(vectors).length !== count) {
    throw new ProviderFailure('the answer did not have one embedding for each input');
  }
  // Servers of this format leave the output out, because there is none.
  const usage = answer?.usage && readWireUsage({ completion_tokens: 0, ...answer.usage });
  return { vectors, usage: usage ?? null };
}

function isVector(value: unknown): value is number[] | string {
  if (typeof value === 'string') return value.length > 0;
  return Array.isArray(value) && value.length > 0 && value.every((component) => typeof component === 'number');
}

function requestIdOf(headers: IncomingHttpHeaders): string | null {
  const header = headers['x-request-id'];
  return typeof header === 'string' ? header.slice(0, 128) : null;
}
