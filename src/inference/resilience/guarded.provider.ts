import type {
  ChatProvider,
  EmbeddingAnswer,
  EmbeddingRequest,
  ProviderAnswer,
  ProviderEvent,
  ProviderRequest,
} from '../providers/chat-provider.js';
import type { Circuit } from './circuit.js';
import type { CircuitBreakers } from './circuit-breakers.service.js';

type Placed = Pick<ProviderRequest, 'model' | 'userId' | 'place'>;

/** A provider behind its circuits, one for each model. A stream is tried again until its first event, never after it. */
export class GuardedProvider implements ChatProvider {
  readonly embed?: (request: EmbeddingRequest, signal: AbortSignal) => Promise<EmbeddingAnswer>;

  constructor(
    private readonly inner: ChatProvider,
    private readonly circuits: CircuitBreakers,
  ) {
    if (inner.embed) this.embed = (request, signal) => this.whole(request, signal, () => inner.embed!(request, signal));
  }

  get name(): string {
    return this.inner.name;
  }

  get cachesMarked(): boolean {
    return this.inner.cachesMarked;
  }

  get unoffered(): ChatProvider['unoffered'] {
    return this.inner.unoffered;
  }

  get onDisconnect(): ChatProvider['onDisconnect'] {
    return this.inner.onDisconnect;
  }

  refuses(request: ProviderRequest): ReturnType<ChatProvider['refuses']> {
    return this.inner.refuses(request);
  }

  complete(request: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer> {
    return this.whole(request, signal, () => this.inner.complete(request, signal));
  }

  async *stream(request: ProviderRequest, signal: AbortSignal): AsyncGenerator<ProviderEvent[]> {
    const { circuit, leave } = await this.enter(request, signal);
    try {
      const { events, first } = await circuit.run(() => this.begin(request, signal), signal);
      let result = first;
      try {
        while (!result.done) {
          yield result.value;
          result = await events.next();
        }
        circuit.noteSuccess();
      } catch (error) {
        circuit.noteFailure(error);
        throw error;
      } finally {
        if (!result.done) await events.return?.();
      }
    } finally {
      leave();
    }
  }

  /** Waits for a place. That is not the provider's doing: it takes none of its time, and who was given up meanwhile is not asked about any more. */
  private async enter(
    { model, userId, place }: Placed,
    signal: AbortSignal,
  ): Promise<{ circuit: Circuit; leave: () => void }> {
    const circuit = this.circuits.of(this.name, model.id);
    place?.awaitPlace();
    const leave = await circuit.enter(userId, signal);
    try {
      signal.throwIfAborted();
      place?.takePlace();
      return { circuit, leave };
    } catch (error) {
      leave();
      throw error;
    }
  }

  private async begin(request: ProviderRequest, signal: AbortSignal) {
    const events = this.inner.stream(request, signal)[Symbol.asyncIterator]();
    return { events, first: await events.next() };
  }

  private async whole<Answer>(request: Placed, signal: AbortSignal, call: () => Promise<Answer>): Promise<Answer> {
    const { circuit, leave } = await this.enter(request, signal);
    try {
      const answer = await circuit.run(call, signal);
      circuit.noteSuccess();
      return answer;
    } finally {
      leave();
    }
  }
}
