import type { OpenSpan, SpanFacts, Tracing } from '../../monitoring/tracing/tracing.js';
import type { ReportedUsage } from '../domain/reported-usage.js';
import { outputLimitOf } from './translated/call-options.js';
import type {
  ChatProvider,
  EmbeddingAnswer,
  EmbeddingRequest,
  ProviderAnswer,
  ProviderEvent,
  ProviderRequest,
} from './chat-provider.js';

/** What OpenTelemetry calls the providers that it has a name for; any other is called as it is here. */
const CONVENTIONAL_NAMES: Readonly<Record<string, string>> = {
  google: 'gcp.gemini',
  xai: 'x_ai',
  mistral: 'mistral_ai',
};

/**
 * A provider whose calls are spans by OpenTelemetry's semantic conventions for generative AI, and are told which trace they belong to. Prompts
 * and answers are no part of a span.
 */
export class TracedProvider implements ChatProvider {
  readonly embed?: (request: EmbeddingRequest, signal: AbortSignal) => Promise<EmbeddingAnswer>;

  constructor(
    private readonly inner: ChatProvider,
    private readonly tracing: Tracing,
  ) {
    if (inner.embed) this.embed = (request, signal) => this.embedTraced(request, signal);
  }

  get name(): string {
    return this.inner.name;
  }

  get onDisconnect(): ChatProvider['onDisconnect'] {
    return this.inner.onDisconnect;
  }

  refuses(request: ProviderRequest): ReturnType<ChatProvider['refuses']> {
    return this.inner.refuses(request);
  }

  get cachesMarked(): boolean {
    return this.inner.cachesMarked;
  }

  get unoffered(): ChatProvider['unoffered'] {
    return this.inner.unoffered;
  }

  async complete(request: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer> {
    const span = this.open('chat', request, chatFacts(request));
    return inSpan(span, async () => {
      const answer = await this.inner.complete({ ...request, traceparent: span.traceparent }, signal);
      const reasons = answer.completion.choices.map((choice) => choice.finish_reason);
      span.note({ ...answerFacts(answer), 'gen_ai.response.finish_reasons': reasons });
      return answer;
    });
  }

  /** The span is over with the stream, also where its reader gives it up. */
  async *stream(request: ProviderRequest, signal: AbortSignal): AsyncGenerator<ProviderEvent[]> {
    const span = this.open('chat', request, { ...chatFacts(request), 'gen_ai.request.stream': true });
    const began = performance.now();
    const reasons: string[] = [];
    let hasBegun = false;
    let failure: unknown;
    const inner = this.inner.stream({ ...request, traceparent: span.traceparent }, signal);
    try {
      for await (const events of withinEach(inner, span)) {
        if (!hasBegun) span.note({ 'gen_ai.response.time_to_first_chunk': (performance.now() - began) / 1000 });
        hasBegun = true;
        for (const event of events) {
          if (event.kind === 'usage') span.note(answerFacts(event));
          else for (const { finish_reason: reason } of event.chunk.choices) if (reason) reasons.push(reason);
        }
        yield events;
      }
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      if (reasons.length > 0) span.note({ 'gen_ai.response.finish_reasons': reasons });
      span.end(failure);
    }
  }

  private embedTraced(request: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingAnswer> {
    const span = this.open('embeddings', request, {});
    return inSpan(span, async () => {
      const answer = await this.inner.embed!({ ...request, traceparent: span.traceparent }, signal);
      span.note(answerFacts(answer));
      return answer;
    });
  }

  private open(
    operation: string,
    { model, requestId }: EmbeddingRequest | ProviderRequest,
    facts: SpanFacts,
  ): OpenSpan {
    return this.tracing.open(`${operation} ${model.name}`, {
      side: 'client',
      facts: {
        'gen_ai.operation.name': operation,
        'gen_ai.provider.name': CONVENTIONAL_NAMES[this.name] ?? this.name,
        'gen_ai.request.model': model.name,
        'tollgate.request.id': requestId,
        ...facts,
      },
    });
  }
}

async function inSpan<Result>(span: OpenSpan, work: () => Promise<Result>): Promise<Result> {
  try {
    const result = await span.within(work);
    span.end();
    return result;
  } catch (error) {
    span.end(error);
    throw error;
  }
}

/** The events of a generator that runs as a part of `span`, whoever reads it. */
async function* withinEach(events: AsyncIterable<ProviderEvent[]>, span: OpenSpan): AsyncGenerator<ProviderEvent[]> {
  const iterator = events[Symbol.asyncIterator]();
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await span.within(() => iterator.next());
      isOver = done === true;
      if (isOver) return;
      yield value as ProviderEvent[];
    }
  } catch (error) {
    isOver = true;
    throw error;
  } finally {
    if (!isOver) await iterator.return?.();
  }
}

function chatFacts({ parameters, assumed }: ProviderRequest): SpanFacts {
  const number = (name: string) => (typeof parameters[name] === 'number' ? parameters[name] : undefined);
  return {
    'gen_ai.request.max_tokens': outputLimitOf(parameters),
    'gen_ai.request.temperature': number('temperature'),
    'gen_ai.request.top_p': number('top_p'),
    'gen_ai.request.choice.count': assumed.choices === 1 ? undefined : assumed.choices,
  };
}

function answerFacts(answer: { usage: ReportedUsage | null; providerModel?: string | undefined }): SpanFacts {
  const { usage, providerModel } = answer;
  return {
    'gen_ai.response.model': providerModel,
    'gen_ai.usage.input_tokens': usage?.inputTokens,
    'gen_ai.usage.output_tokens': usage?.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': usage?.cachedInputTokens,
    'gen_ai.usage.cache_creation.input_tokens': usage?.cacheWriteTokens,
    'gen_ai.usage.reasoning.output_tokens': usage?.reasoningTokens,
  };
}
