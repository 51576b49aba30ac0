import { type Dispatcher, request as send } from 'undici';
import type { ProviderEndpoint } from '../../config/provider-endpoints.js';
import { isConstrainedParameter } from '../../models/domain/constrained-parameters.js';
import type { ChatCompletion, WireUsage } from '../wire/chat-answer.js';
import { inputsOf } from '../wire/embedding.js';
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
import { isRetryableStatus, wasNeverSent } from './retryable.js';

/** Aborting saves nothing with most providers, so a stream whose client has left is read on for this long. */
const DRAIN_CAP_MS = 60_000;
/** An answer beyond this is no chat completion. */
const ANSWER_BYTES_MAX = 32 * 1_024 * 1_024;
/** What may follow `[DONE]` before the connection is given up. */
const REST_BYTES_MAX = 1_024;
const MESSAGE_LENGTH_MAX = 500;
/** What a provider answers when the request itself is at fault; anything else is its own or the operator's trouble. */
const REJECTING_STATUSES = new Set([400, 413, 422]);
/** Only OpenAI itself is known to take the field; leaving it out would let the account's own setting choose the price. */
const SERVICE_TIER_PROVIDERS = new Set(['openai']);

/** Any server that speaks `POST /chat/completions` as OpenAI does: OpenAI, Azure, Ollama, vLLM, OpenRouter. */
export class OpenAiCompatibleProvider implements ChatProvider, EmbeddingProvider {
  readonly onDisconnect = { kind: 'drain', capMs: DRAIN_CAP_MS } as const;

  constructor(
    readonly name: string,
    private readonly endpoint: ProviderEndpoint,
    private readonly dispatcher: Dispatcher,
  ) {}

  async complete(request: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer> {
    const response = await this.post('/chat/completions', this.bodyOf(request, false), signal);
    const completion = parseCompletion(await readText(response));
    return {
      completion: { ...completion, model: request.model.id },
      usage: readWireUsage(completion.usage),
      providerRequestId: requestIdOf(response),
    };
  }

  async *stream(request: ProviderRequest, signal: AbortSignal): AsyncGenerator<ProviderEvent> {
    const response = await this.post('/chat/completions', this.bodyOf(request, true), signal);
    const { body, headers } = response;
    let isRead = false;
    body.on('error', () => undefined); // reading it throws the same; giving it up would otherwise be an uncaught error
    try {
      if (!String(headers['content-type']).startsWith('text/event-stream'))
        throw new ProviderFailure('the answer was no stream');
      const labels = { modelId: request.model.id, providerRequestId: requestIdOf(response) };
      yield* readCompletionStream(body.iterator({ destroyOnReturn: false }), labels);
      isRead = true;
    } finally {
      // What follows the last event is a few bytes at most: taken, so that the connection serves the next request.
      if (isRead) void body.dump({ limit: REST_BYTES_MAX }).catch(() => undefined);
      else body.destroy();
    }
  }

  async embed({ model, body }: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingAnswer> {
    const response = await this.post('/embeddings', { ...body, model: model.name }, signal);
    const { vectors, usage } = parseEmbeddings(await readText(response), inputsOf(body).length);
    return { vectors, usage, providerRequestId: requestIdOf(response) };
  }

  private async post(
    path: string,
    body: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const isStream = body['stream'] === true;
    const response = await send(`${this.endpoint.baseUrl}${path}`, {
      method: 'POST',
      dispatcher: this.dispatcher,
      signal,
      headers: {
        'content-type': 'application/json',
        accept: isStream ? 'text/event-stream' : 'application/json',
        ...(this.endpoint.apiKey !== null && { authorization: `Bearer ${this.endpoint.apiKey}` }),
      },
      body: JSON.stringify(body),
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw new ProviderFailure('the provider could not be reached', {
        cause: error,
        isRetryable: wasNeverSent(error),
      });
    });
    if (response.statusCode !== 200) await refuse(response);
    return response;
  }

  /** The caller's fields as they came, the constrained parameters as they were resolved, and usage always asked for. */
  private bodyOf({ body, parameters, model }: ProviderRequest, isStream: boolean): Record<string, unknown> {
    const passed = Object.entries(body).filter(([field, value]) => !isConstrainedParameter(field) && value !== null);
    return {
      ...Object.fromEntries(passed),
      ...parameters,
      model: model.name,
      ...(SERVICE_TIER_PROVIDERS.has(this.name) && { service_tier: 'default' }),
      stream: isStream,
      stream_options: isStream ? { ...body.stream_options, include_usage: true } : undefined,
    };
  }
}

/** @throws always: what the caller may know of the provider's refusal */
async function refuse(response: Dispatcher.ResponseData): Promise<never> {
  const text = await readText(response);
  if (REJECTING_STATUSES.has(response.statusCode)) throw new ProviderRejection(messageOf(text));
  // A body may tell of the operator's account, so only the status is shown.
  const isRetryable = isRetryableStatus(response.statusCode);
  throw new ProviderFailure(`the provider answered with status ${response.statusCode}`, { isRetryable });
}

async function readText(response: Dispatcher.ResponseData): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response.body as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > ANSWER_BYTES_MAX) throw new ProviderFailure('the answer was too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    if (typeof error?.message === 'string') return error.message.slice(0, MESSAGE_LENGTH_MAX);
  } catch {
    // Not JSON: there is nothing in it that a caller could act on.
  }
  return 'the provider refused the request without saying why';
}

function parseCompletion(text: string): ChatCompletion {
  let completion: Partial<ChatCompletion> | null;
  try {
    completion = JSON.parse(text) as Partial<ChatCompletion> | null;
  } catch (error) {
    throw new ProviderFailure('the answer was not JSON', { cause: error });
  }
  const choices = completion?.choices;
  if (!Array.isArray(choices) || !choices.every((choice) => choice?.message)) {
    throw new ProviderFailure('the answer was no chat completion');
  }
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

function requestIdOf(response: Dispatcher.ResponseData): string | null {
  const header = response.headers['x-request-id'];
  return typeof header === 'string' ? header.slice(0, 128) : null;
}
