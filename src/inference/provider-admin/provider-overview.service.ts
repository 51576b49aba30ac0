import { Injectable } from '@nestjs/common';
import { request as send } from 'undici';
import type { ProviderEndpoint } from '../../config/provider-endpoints.js';
import { CatalogueService } from '../../models/catalogue.service.js';
import { ProviderNotConfiguredError } from './provider-admin.errors.js';
import { ProviderRegistry } from '../providers/provider-registry.js';
import { type ProviderView, type ReachabilityView, toCredentialView } from './provider-credential.dto.js';
import { ProviderCredentialService } from './provider-credential.service.js';

const TEST_MS_MAX = 10_000;

/** Which providers there are, and whether they can be reached. */
@Injectable()
export class ProviderOverview {
  private readonly reachability = new Map<string, ReachabilityView>();

  constructor(
    private readonly catalogue: CatalogueService,
    private readonly credentials: ProviderCredentialService,
    private readonly registry: ProviderRegistry,
  ) {}

  /** Those that a model names, and those that have an account. */
  async list(): Promise<ProviderView[]> {
    const credentials = await this.credentials.list();
    const models = this.catalogue.list();
    const names = [...models, ...credentials].map(({ provider }) => provider);
    return [...new Set([...names, ...this.registry.names()])].toSorted().map((provider) => {
      const endpoint = this.registry.endpointOf(provider);
      return {
        provider,
        source: endpoint ? (endpoint.credentialId ? 'database' : 'environment') : 'none',
        baseUrl: endpoint?.baseUrl ?? null,
        modelCount: models.filter((model) => model.provider === provider).length,
        reachability: this.reachability.get(provider) ?? null,
        credentials: credentials.filter((credential) => credential.provider === provider).map(toCredentialView),
      };
    });
  }

  /**
   * Asks the provider for its models, which costs nothing and needs the key.
   * @throws ProviderNotConfiguredError
   */
  async test(provider: string, now: Date): Promise<ReachabilityView> {
    const endpoint = this.registry.endpointOf(provider);
    if (!endpoint) throw new ProviderNotConfiguredError(provider);
    const began = performance.now();
    const status = await askForModels(provider, endpoint);
    const view: ReachabilityView = {
      isReachable: status === 200,
      status,
      latencyMs: Math.round(performance.now() - began),
      message: explain(status),
      checkedAt: now.toISOString(),
    };
    this.reachability.set(provider, view);
    if (view.isReachable && endpoint.credentialId) await this.credentials.noteVerified(endpoint.credentialId, now);
    return view;
  }
}

async function askForModels(provider: string, { baseUrl, apiKey }: ProviderEndpoint): Promise<number | null> {
  try {
    const { statusCode, body } = await send(`${baseUrl}/models`, {
      headers: apiKey === null ? {} : authorizationFor(provider, apiKey),
      signal: AbortSignal.timeout(TEST_MS_MAX),
    });
    body.on('error', () => undefined);
    await body.dump().catch(() => undefined);
    return statusCode;
  } catch {
    // Whatever the reason, it is the same to the operator: nothing answers there.
    return null;
  }
}

function authorizationFor(provider: string, apiKey: string): Record<string, string> {
  if (provider === 'anthropic') return { 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' };
  if (provider === 'google') return { 'x-goog-api-key': apiKey };
  return { authorization: `Bearer ${apiKey}` };
}

function explain(status: number | null): string {
  if (status === null) return 'Nothing answered at this address. Check the base URL and the network.';
  if (status === 200) return 'The provider took the key.';
  if (status === 401 || status === 403) return `The provider refused the key with status ${status}. Rotate it.`;
  if (status === 404) return 'The address answers, but lists no models there. Check the base URL.';
  return `The provider answered with status ${status}.`;
}
