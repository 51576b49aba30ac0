import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Agent } from 'undici';
import { Config } from '../../config/config.js';
import type { ProviderEndpoint } from '../../config/provider-endpoints.js';
import type { CatalogueModel } from '../../models/domain/catalogue-model.js';
import type { ProviderRoute } from '../admitted-chat.js';
import { ProviderAccounts } from '../provider-admin/provider-accounts.service.js';
import { CircuitBreakers } from '../resilience/circuit-breakers.service.js';
import { GuardedProvider } from '../resilience/guarded.provider.js';
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

/** An account as it is used; without a credential's id it comes from the environment. */
interface UsedEndpoint extends ProviderEndpoint {
  credentialId?: string;
}

/**
 * Which provider answers for a model: the one it names, where this installation can reach it, else the sandbox while that is on. An account
 * of the database comes before one of the environment, and a change of it is followed at once.
 */
@Injectable()
export class ProviderRegistry implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(ProviderRegistry.name);
  private readonly dispatcher = new Agent({
    connections: CONNECTIONS_MAX,
    connect: { timeout: CONNECT_MS },
    keepAliveTimeout: IDLE_MS,
    // Every call has a time limit of its own, per step and in all.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  private used = new Map<string, { endpoint: UsedEndpoint; route: ProviderRoute }>();
  private reading: Promise<void> | null = null;
  private isStale = false;
  /** Grows with every change of what can be reached. */
  generation = 0;

  constructor(
    private readonly config: Config,
    private readonly sandbox: SandboxProvider,
    private readonly circuits: CircuitBreakers,
    private readonly accounts: ProviderAccounts,
  ) {}

  /** Listens first: a change between a reading and a listening would be missed. */
  async onModuleInit(): Promise<void> {
    await this.accounts.follow(() => {
      this.reload().catch((error: unknown) => this.logger.error({ err: error }, 'the providers could not be read'));
    });
    await this.reload();
  }

  /** Reads the accounts. Asked for while a reading is under way, it reads once more after it. */
  async reload(): Promise<void> {
    this.isStale = true;
    this.reading ??= this.readWhileStale().finally(() => (this.reading = null));
    await this.reading;
  }

  /** The providers that can be reached. */
  names(): string[] {
    return [...this.used.keys()];
  }

  endpointOf(provider: string): UsedEndpoint | null {
    return this.used.get(provider)?.endpoint ?? null;
  }

  /** Null where nobody answers: the model is listed as not available and cannot be called. */
  routeOf(model: CatalogueModel): ProviderRoute | null {
    const found = this.used.get(model.provider);
    if (found) return found.route;
    return this.config.sandbox ? { provider: this.sandbox, isSandbox: true } : null;
  }

  private async readWhileStale(): Promise<void> {
    while (this.isStale) {
      this.isStale = false;
      const endpoints = new Map<string, UsedEndpoint>([...this.config.providers, ...(await this.accounts.endpoints())]);
      endpoints.delete(this.sandbox.name);
      this.use(endpoints);
    }
  }

  /** What has not changed is kept, and with it what is known of it. */
  private use(endpoints: ReadonlyMap<string, UsedEndpoint>): void {
    const next: typeof this.used = new Map();
    for (const [name, endpoint] of endpoints) {
      const known = this.used.get(name);
      const isSame = known?.endpoint.baseUrl === endpoint.baseUrl && known.endpoint.apiKey === endpoint.apiKey;
      const route = isSame ? known.route : this.routeTo(name, endpoint);
      next.set(name, { endpoint, route });
    }
    this.used = next;
    this.generation += 1;
  }

  private routeTo(name: string, endpoint: ProviderEndpoint): ProviderRoute {
    return { provider: new GuardedProvider(this.providerOf(name, endpoint), this.circuits), isSandbox: false };
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
