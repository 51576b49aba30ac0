import { Injectable, Logger } from '@nestjs/common';
import { Sealer } from '../../auth/sealer.js';
import { endpointOf, type ProviderEndpoint } from '../../config/provider-endpoints.js';
import { Notifications } from '../../database/notifications.js';
import { contextOf, ProviderCredentialService } from './provider-credential.service.js';

/** A trigger sends on it with every change. */
const CHANNEL = 'tollgate_providers';

/** An account as it is used: where, as whom, and which row it came from. */
export interface StoredEndpoint extends ProviderEndpoint {
  credentialId: string;
}

/** The accounts of the database as they are used: opened, and followed when they change. */
@Injectable()
export class ProviderAccounts {
  private readonly logger = new Logger(ProviderAccounts.name);

  constructor(
    private readonly credentials: ProviderCredentialService,
    private readonly sealer: Sealer,
    private readonly notifications: Notifications,
  ) {}

  /** Calls `onChange` with every change, whoever makes it. */
  follow(onChange: () => Promise<void>): Promise<void> {
    return this.notifications.listen(CHANNEL, onChange);
  }

  /** The accounts in use, by provider. One that cannot be opened is logged and left out: the others must go on. */
  async endpoints(): Promise<Map<string, StoredEndpoint>> {
    const endpoints = new Map<string, StoredEndpoint>();
    for (const credential of await this.credentials.list()) {
      if (!credential.isActive || endpoints.has(credential.provider)) continue;
      try {
        const apiKey = this.sealer.open(credential.secretSealed, contextOf(credential.id)) || null;
        const endpoint = endpointOf(credential.provider, credential.baseUrl ?? null, apiKey);
        if (endpoint) endpoints.set(credential.provider, { ...endpoint, credentialId: credential.id });
      } catch (error) {
        this.logger.error({ err: error, credentialId: credential.id }, 'a provider credential could not be opened');
      }
    }
    return endpoints;
  }
}
