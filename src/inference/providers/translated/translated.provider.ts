import {
  AISDKError,
  APICallError,
  type LanguageModelV4CallOptions,
  type LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import type { FetchFunction } from '@ai-sdk/provider-utils';
import {
  type ChatProvider,
  type ProviderAnswer,
  type ProviderEvent,
  ProviderFailure,
  ProviderRejection,
  type ProviderRequest,
} from '../chat-provider.js';
import type { ParameterConstraints } from '../../../models/domain/parameter-constraint.js';
import type { ReportedUsage } from '../../domain/reported-usage.js';
import { withoutThinking } from '../../wire/chat-message.js';
import { refusalOf, toldMessage } from '../provider-refusal.js';
import { wasNeverSent } from '../retryable.js';
import { ChunkTranslator, toCompletion } from './answer-translation.js';
import { toCallOptions } from './call-options.js';
import type { Exchange, Protocol } from './protocol.js';

/** Aborting saves nothing for certain, so a stream whose client has left is read on for this long. */
const DRAIN_CAP_MS = 60_000;
/** What the libraries throw before they call anyone, because the protocol has no place for something in the request. */
const REFUSED_BY_LIBRARY = new Set([
  'AI_InvalidArgumentError',
  'AI_InvalidPromptError',
  'AI_UnsupportedFunctionalityError',
]);

const NEVER = new AbortController().signal;
const sendNothing: FetchFunction = () => Promise.reject(new Error('a request that is only tried is not sent'));

/** A provider with a protocol of its own, asked and answered in OpenAI's format. */
export class TranslatedProvider implements ChatProvider {
  readonly onDisconnect = { kind: 'drain', capMs: DRAIN_CAP_MS } as const;

  constructor(
    readonly name: string,
    private readonly protocol: Protocol,
  ) {}

  get cachesMarked(): boolean {
    return this.protocol.cachesMarked;
  }

  get unoffered(): ParameterConstraints {
    return this.protocol.unoffered;
  }

  /** The library translates the request, and nobody is sent it. */
  async refuses(request: ProviderRequest): Promise<ProviderRejection | null> {
    try {
      const { model, options } = this.protocol.open(request, sendNothing);
      await model.doGenerate({ ...this.optionsOf(request), ...options });
      return null;
    } catch (error) {
      const told = this.toProviderError(error, NEVER);
      return told instanceof ProviderRejection ? told : null;
    }
  }

  async complete(request: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer> {
    try {
      const { model, options, ...exchange } = this.protocol.open(request);
      const answer = await model.doGenerate({ ...this.optionsOf(request), ...options, abortSignal: signal });
      const usage = exchange.usage(answer.usage);
      return {
        completion: toCompletion(request, { ...answer, usage }),
        usage,
        providerRequestId: exchange.providerRequestId(),
        providerModel: answer.response?.modelId ?? versionIn(answer.response?.body),
      };
    } catch (error) {
      throw this.toProviderError(error, signal);
    }
  }

  async *stream(request: ProviderRequest, signal: AbortSignal): AsyncGenerator<ProviderEvent[]> {
    try {
      const { model, options, ...exchange } = this.protocol.open(request);
      const call = { ...this.optionsOf(request), ...options, includeRawChunks: true, abortSignal: signal };
      const { stream } = await model.doStream(call);
      const translator = new ChunkTranslator(request);
      let providerModel: string | undefined;
      for await (const part of stream) {
        refuseBroken(part);
        const events: ProviderEvent[] = translator.translate(part).map((chunk) => ({ kind: 'chunk', chunk }));
        const usage = usageOf(part, exchange);
        if (part.type === 'response-metadata') providerModel = part.modelId;
        if (part.type === 'raw') providerModel ??= versionIn(part.rawValue);
        if (usage) {
          events.push({ kind: 'usage', usage, providerRequestId: exchange.providerRequestId(), providerModel });
        }
        if (events.length > 0) yield events;
        if (part.type === 'finish') return;
      }
    } catch (error) {
      throw this.toProviderError(error, signal);
    }
    throw new ProviderFailure('the provider broke the stream off');
  }

  private optionsOf(request: ProviderRequest): LanguageModelV4CallOptions {
    const { body } = request;
    const messages = this.protocol.signsThinking ? body.messages : withoutThinking(body.messages);
    return toCallOptions({ ...request, body: { ...body, messages } });
  }

  /** What the caller may know of what went wrong. */
  private toProviderError(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    if (error instanceof ProviderRejection || error instanceof ProviderFailure) return error;
    if (APICallError.isInstance(error)) return this.toCallError(error);
    if (AISDKError.isInstance(error) && REFUSED_BY_LIBRARY.has(error.name)) {
      return new ProviderRejection(toldMessage(error.message));
    }
    return new ProviderFailure('the answer was not what its protocol promises', { cause: nameOf(error) });
  }

  private toCallError(error: APICallError): Error {
    const { statusCode, message, responseHeaders } = error;
    if (statusCode === undefined) {
      const isRetryable = wasNeverSent(error.cause);
      return new ProviderFailure('the provider could not be reached', { cause: error.cause, isRetryable });
    }
    if (statusCode < 400) {
      return new ProviderFailure('the answer was not what its protocol promises', { cause: nameOf(error.cause) });
    }
    return refusalOf(statusCode, { message }, responseHeaders);
  }
}

/** All that may be logged of the libraries' errors: they carry the prompt, and the text that could not be read. */
function nameOf(error: unknown): Error {
  return new Error(error instanceof Error ? error.name : 'unknown');
}

function usageOf(
  part: LanguageModelV4StreamPart,
  exchange: Pick<Exchange, 'usage' | 'usageSoFar'>,
): ReportedUsage | null {
  if (part.type === 'finish') return exchange.usage(part.usage);
  return part.type === 'raw' ? exchange.usageSoFar(part.rawValue) : null;
}

/** @throws ProviderFailure for a part that says that the answer is not going to be complete. */
function refuseBroken(part: LanguageModelV4StreamPart): void {
  if (part.type === 'error') {
    throw new ProviderFailure('the provider reported an error in the middle of the stream', {
      cause: nameOf(part.error),
    });
  }
  if (part.type === 'finish' && part.finishReason.unified === 'interrupted') {
    throw new ProviderFailure('the provider broke the stream off');
  }
}

/** The model that answered, where the protocol tells of it by another name than the library knows, as Google's does. */
function versionIn(answer: unknown): string | undefined {
  const { modelVersion: version } = (answer ?? {}) as { modelVersion?: unknown };
  return typeof version === 'string' ? version : undefined;
}
