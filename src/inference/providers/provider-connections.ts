import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent } from 'undici';
import type { ProviderEndpoint } from '../../config/provider-endpoints.js';
import { Tracing } from '../../monitoring/tracing/tracing.js';
import { CircuitBreakers } from '../resilience/circuit-breakers.service.js';
import { GuardedProvider } from '../resilience/guarded.provider.js';
import type { ChatProvider } from './chat-provider.js';
import { OpenAiCompatibleProvider } from './openai-compatible.provider.js';
import { TracedProvider } from './traced.provider.js';
import { AnthropicProtocol } from './translated/anthropic.protocol.js';
import { GoogleProtocol } from './translated/google.protocol.js';
import { TranslatedProvider } from './translated/translated.provider.js';

/** Connections to one provider; requests beyond wait here, where their own time limit counts. */
const CONNECTIONS_MAX = 512;
const CONNECT_MS = 10_000;
const IDLE_MS = 30_000;

/** Makes what speaks to a provider, over connections that all of them share. */
@Injectable()
export class ProviderConnections implements OnApplicationShutdown {
  private readonly dispatcher = new Agent({
    connections: CONNECTIONS_MAX,
    connect: { timeout: CONNECT_MS },
    keepAliveTimeout: IDLE_MS,
    // Every call has a time limit of its own, per step and in all.
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  constructor(
    private readonly circuits: CircuitBreakers,
    private readonly tracing: Tracing,
  ) {}

  /** A provider behind its circuits, which begin anew; each try of theirs is a step of its own in a trace. */
  open(name: string, endpoint: ProviderEndpoint): ChatProvider {
    this.circuits.renew(name);
    return new GuardedProvider(this.traced(this.speak(name, endpoint)), this.circuits);
  }

  traced(provider: ChatProvider): ChatProvider {
    return this.tracing.isOn ? new TracedProvider(provider, this.tracing) : provider;
  }

  /** Two names stand for protocols of their own; every other provider is taken to speak OpenAI's. */
  private speak(name: string, endpoint: ProviderEndpoint): ChatProvider {
    switch (name) {
      case 'anthropic':
        return new TranslatedProvider(name, new AnthropicProtocol(endpoint, this.dispatcher));
      case 'google':
        return new TranslatedProvider(name, new GoogleProtocol(endpoint, this.dispatcher));
      default:
        return new OpenAiCompatibleProvider(name, endpoint, this.dispatcher);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.dispatcher.close();
  }
}
