import type { ParameterConstraints } from '../../models/domain/parameter-constraint.js';
import type { ReportedUsage } from '../domain/reported-usage.js';
import type { ChatCompletion, ChatCompletionChunk } from '../wire/chat-answer.js';
import type { ChatCompletionBody } from '../wire/chat-completion.js';
import type { EmbeddingBody } from '../wire/embedding.js';

/** Who measures the time of a call. */
export interface PlaceWatch {
  awaitPlace(): void;
  /** @throws where the provider is not to be asked any more. */
  takePlace(): void;
}

/** One request as it goes out: the caller's body, and the parameters as the model's constraints resolved them. */
export interface ProviderRequest {
  /** Our request id, for the provider's logs and for a deterministic answer. */
  requestId: string;
  /** Who asks, and shares the provider's places with others. It is not sent. */
  userId: string;
  /** Who measures the provider's time learns when the request waits for its place among the calls of its model. */
  place?: PlaceWatch | undefined;
  createdAt: Date;
  model: {
    /** What answers are labelled with. */
    id: string;
    /** What the provider is sent. */
    name: string;
  };
  body: ChatCompletionBody;
  /** The header of the trace that the call belongs to, where there is one. */
  traceparent?: string | undefined;
  /** Everything of the constrained parameters that is sent, the output limit always among it. */
  parameters: Record<string, unknown>;
  /** What the hold assumed: input tokens, those of images among them, and output tokens of one choice. */
  assumed: { inputTokens: number; imageTokens: number; outputTokensPerChoice: number; choices: number };
}

export interface ProviderAnswer {
  completion: ChatCompletion;
  usage: ReportedUsage | null;
  providerRequestId: string | null;
  /** What the provider calls the model that answered, where it tells. */
  providerModel?: string | undefined;
}

/** What a stream yields. A usage event may come several times with growing figures: the last one counts. */
export type ProviderEvent =
  | { kind: 'chunk'; chunk: ChatCompletionChunk }
  | { kind: 'usage'; usage: ReportedUsage; providerRequestId: string | null; providerModel?: string | undefined };

/** What happens upstream when the client leaves: read on, because the provider charges anyway, or stop and count what was delivered. */
export type DisconnectPolicy = { kind: 'drain'; capMs: number } | { kind: 'cancel' };

/**
 * A provider of chat completions. Both calls must stop when `signal` aborts, and throw ProviderRejection for a request that the provider
 * refuses, ProviderFailure for everything else that is the provider's doing.
 */
export interface ChatProvider extends Partial<EmbeddingProvider> {
  /** As written to the ledger. */
  readonly name: string;
  readonly onDisconnect: DisconnectPolicy;
  /** Whether it caches the parts of a prompt that are marked for it. */
  readonly cachesMarked: boolean;
  /** Parameters that it never takes, each with the value that stands for its absence. */
  readonly unoffered?: ParameterConstraints | undefined;
  /** Why it would not even be asked this, as far as that is known here; null where only asking it tells. */
  refuses(request: ProviderRequest): Promise<ProviderRejection | null>;
  complete(request: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer>;
  /** Events that arrive together come together, so that what is done for each arrival is done once for all of them. No list is empty. */
  stream(request: ProviderRequest, signal: AbortSignal): AsyncIterable<ProviderEvent[]>;
}

/** One request for embeddings. */
export interface EmbeddingRequest {
  requestId: string;
  userId: string;
  place?: PlaceWatch | undefined;
  model: ProviderRequest['model'];
  body: EmbeddingBody;
  traceparent?: string | undefined;
}

export interface EmbeddingAnswer {
  /** One for each input, in the order of the inputs; the components as the provider wrote them. */
  vectors: (number[] | string)[];
  usage: ReportedUsage | null;
  providerRequestId: string | null;
  providerModel?: string | undefined;
}

/** A provider that turns text into vectors. Fails as a provider of completions does. */
export interface EmbeddingProvider {
  embed(request: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingAnswer>;
}

/** The provider says that the request is at fault. The message is shown to the caller. */
export class ProviderRejection extends Error {}

interface FailureOptions extends ErrorOptions {
  isRetryable?: boolean;
  askedWaitMs?: number | undefined;
}

/** The provider failed. The message is shown to the caller, so it holds nothing but what is safe to show. */
export class ProviderFailure extends Error {
  /** Whether it is certain that the provider did no work, so that asking again neither repeats nor costs anything. */
  readonly isRetryable: boolean;
  /** How long the provider asks to be left alone, where it does. */
  readonly askedWaitMs: number | undefined;

  constructor(message: string, { isRetryable = false, askedWaitMs, ...options }: FailureOptions = {}) {
    super(message, options);
    this.isRetryable = isRetryable;
    this.askedWaitMs = askedWaitMs;
  }
}

/** The provider is known to be down, and was not asked. */
export class ProviderUnavailable extends Error {
  constructor(readonly retryAfterMs: number) {
    super('the provider is down at present');
  }
}
