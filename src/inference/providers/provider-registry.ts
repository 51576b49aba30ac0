import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Config } from '../../config/config.js';
import type { ProviderEndpoint } from '../../config/provider-endpoints.js';
import type { CatalogueModel } from '../../models/domain/catalogue-model.js';
import { CHAT_CAPABILITIES } from '../../models/domain/model-meta.js';
import type { ProviderRoute } from '../admitted-chat.js';
import { ProviderAccounts } from '../provider-admin/provider-accounts.service.js';
import { ProviderConnections } from './provider-connections.js';
import { SandboxProvider } from './sandbox.provider.js';

/** An account as it is used; without a credential's id it comes from the environment. */
interface UsedEndpoint extends ProviderEndpoint {
  credentialId?: string;
}

/**
 * Which provider answers for a model: the one it names, where this installation can reach it, else the sandbox while that is on. An account
 * of the database comes before one of the environment, and a change of it is followed at once.
 */
@Injectable()
export class ProviderRegistry implements OnModuleInit {
  private readonly sandboxRoute: ProviderRoute;
  private used = new Map<string, { endpoint: UsedEndpoint; route: ProviderRoute }>();
  private reading: Promise<void> | null = null;
  private isStale = false;
  /** Grows with every change of what can be reached. */
  generation = 0;

  constructor(
    private readonly config: Config,
    private readonly sandbox: SandboxProvider,
    private readonly connections: ProviderConnections,
    private readonly accounts: ProviderAccounts,
  ) {
    this.sandboxRoute = { provider: connections.traced(sandbox), isSandbox: true };
  }

  /** Listens first: a change between a reading and a listening would be missed. */
  async onModuleInit(): Promise<void> {
    await this.accounts.follow(() => this.reload());
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
  routeOf({ provider, meta }: CatalogueModel): ProviderRoute | null {
    const found = this.used.get(provider);
    if (!found) return this.config.sandbox ? this.sandboxRoute : null;
    const { route } = found;
    const chats = CHAT_CAPABILITIES.some((capability) => meta.capabilities.includes(capability));
    return chats || route.provider.embed !== undefined ? route : null;
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
      const route = isSame ? known.route : { provider: this.connections.open(name, endpoint), isSandbox: false };
      next.set(name, { endpoint, route });
    }
    this.used = next;
    this.generation += 1;
  }
}
