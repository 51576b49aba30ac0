import { Injectable } from '@nestjs/common';
import type { Adapter } from 'oidc-provider';
import { WallClock } from '../../common/clock.js';
import { Config } from '../../config/config.js';
import { ClientAdapter } from './client-adapter.js';
import { GrantAdapter } from './grant-adapter.js';
import { GrantService } from './grant.service.js';
import { OAuthClientRepository } from './oauth-client.repository.js';
import { OidcAdapter, type OidcAdapterDependencies } from './oidc-adapter.js';
import { OidcArtifactRepository } from './oidc-artifact.repository.js';

/** Where each kind of the provider's things is kept: clients and grants in their own tables, the rest as artifacts. */
@Injectable()
export class OidcAdapters {
  private readonly dependencies: OidcAdapterDependencies;
  private readonly publicUrl: string;

  // oxlint-disable-next-line max-params -- injected
  constructor(
    { publicUrl, refreshGraceSeconds }: Config,
    clock: WallClock,
    artifacts: OidcArtifactRepository,
    private readonly grants: GrantService,
    private readonly clients: OAuthClientRepository,
  ) {
    this.publicUrl = publicUrl;
    this.dependencies = { artifacts, grants, refreshGraceSeconds, now: () => clock.now() };
  }

  of(type: string): Adapter {
    switch (type) {
      case 'Client':
        return new ClientAdapter(this.clients);
      case 'Grant':
        return new GrantAdapter(this.grants, this.publicUrl);
      default:
        return new OidcAdapter(type, this.dependencies);
    }
  }
}
