import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent } from 'undici';
import { Config } from '../../config/config.js';
import type { ProviderEndpoint } from '../../config/provider-endpoints.js';
import type { CatalogueModel } from '../../models/domain/catalogue-model.js';
import type { ProviderRoute } from '../admitted-chat.js';
import type { ChatProvider } from './chat-provider.js';
import { OpenAiCompatibleProvider } from './openai-compatible.provider.js';
import { SandboxProvider } from './sandbox.provider.js';
import { AnthropicProtocol } from './translated/anthropic.protocol.js';
import { GoogleProtocol } from './translated/google.protocol.js';
import { TranslatedProvider } from './translated/translated.provider.js';

/** Connections to one provider; requests beyond wait here, where their own time limit counts. */
const CONNECTIONS_MAX = 512;
const CONNECT_MS = 10_000;
const IDLE_MS = 30_000;

/** Which provider answers for a model: the one it names, where this installation can reach it, else the sandbox while that is on. */
@Injectable()
export class ProviderRegistry implements OnApplicationShutdown {
  private readonly dispatcher = new Agent({
    connections: CONNECTIONS_MAX,
    connect: { timeout: CONNECT_MS },
    keepAliveTimeout: IDLE_MS,
    // Every call has a time limit of its own, per step and in all.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  private readonly routes = new Map<string, ProviderRoute>();

  constructor(
    private readonly config: Config,
    private readonly sandbox: SandboxProvider,
  ) {
    for (const [name, endpoint] of config.providers) {
      if (name === this.sandbox.name) continue;
      this.routes.set(name, { provider: this.providerOf(name, endpoint), isSandbox: false });
    }
  }

  /** Null where nobody answers: the model is listed as not available and cannot be called. */
  routeOf(model: CatalogueModel): ProviderRoute | null {
    const route = this.routes.get(model.provider);
    if (route) return route;
    return this.config.sandbox ? { provider: this.sandbox, isSandbox: true } : null;
  }

  /** Two names stand for protocols of their own; every other provider is taken to speak OpenAI's. */
  private providerOf(name: string, endpoint: ProviderEndpoint): ChatProvider {
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
