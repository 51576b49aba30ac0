import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent } from 'undici';
import { Config } from '../../config/config.js';
import type { CatalogueModel } from '../../models/domain/catalogue-model.js';
import type { ProviderRoute } from '../admitted-chat.js';
import { OpenAiCompatibleProvider } from './openai-compatible.provider.js';
import { SandboxProvider } from './sandbox.provider.js';

/** Connections to one provider; requests beyond wait here, where their own time limit counts. */
const CONNECTIONS_MAX = 512;
const CONNECT_MS = 10_000;
const IDLE_MS = 30_000;
/** Providers with a protocol of their own, whatever address the environment gives for them. */
const OTHER_PROTOCOLS = new Set(['anthropic', 'google', 'sandbox']);

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
      if (OTHER_PROTOCOLS.has(name)) continue;
      this.routes.set(name, {
        provider: new OpenAiCompatibleProvider(name, endpoint, this.dispatcher),
        isSandbox: false,
      });
    }
  }

  /** Null where nobody answers: the model is listed as not available and cannot be called. */
  routeOf(model: CatalogueModel): ProviderRoute | null {
    const route = this.routes.get(model.provider);
    if (route) return route;
    return this.config.sandbox ? { provider: this.sandbox, isSandbox: true } : null;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.dispatcher.close();
  }
}
