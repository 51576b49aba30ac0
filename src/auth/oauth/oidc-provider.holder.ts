import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { Client, default as OidcProvider, KoaContextWithOIDC } from 'oidc-provider';
import { Provider } from './oidc-engine.js';
import { AccessTokenVerifier } from '../access/access-token.verifier.js';
import { WallClock } from '../../common/clock.js';
import { Config } from '../../config/config.js';
import type { User } from '../identity/user.entity.js';
import { LoginThrottle } from '../identity/login-throttle.service.js';
import { UserRepository } from '../identity/user.repository.js';
import { GrantService } from './grant.service.js';
import { KeyService } from './key.service.js';
import { OidcAdapters } from './oidc-adapters.js';
import { isClientSecret } from './client-secret.js';
import { assertNoDevelopmentParts, oidcConfiguration } from './oidc-configuration.js';
import { introspectAccessTokens } from './token-introspection.js';
import { ServiceAccounts } from './service-accounts.service.js';

/** Holds the OpenID Connect engine of this process. Its state is in PostgreSQL, so it can be built anew at any time. */
@Injectable()
export class OidcProviderHolder implements OnModuleInit {
  private readonly logger = new Logger('OpenIdConnect');
  private current: OidcProvider | undefined;

  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly config: Config,
    private readonly keys: KeyService,
    private readonly adapters: OidcAdapters,
    private readonly users: UserRepository,
    private readonly grants: GrantService,
    private readonly throttle: LoginThrottle,
    private readonly services: ServiceAccounts,
    private readonly verifier: AccessTokenVerifier,
    private readonly clock: WallClock,
  ) {}

  async onModuleInit(): Promise<void> {
    this.current = await this.build();
    // Requests under way end on the engine that they began with.
    this.keys.onChange(async () => {
      this.current = await this.build();
    });
  }

  get provider(): OidcProvider {
    if (!this.current) throw new Error('the OpenID Connect provider is used before the module is initialised');
    return this.current;
  }

  private async build(): Promise<OidcProvider> {
    const { publicUrl, cookieKeys } = this.config;
    const configuration = oidcConfiguration({
      publicUrl,
      cookieKeys,
      jwks: await this.keys.privateJwks(),
      adapter: (type) => this.adapters.of(type),
      findUser: (id) => this.findActiveUser(id),
      acceptUserCode: (ip) => this.throttle.forgiveUserCode(ip),
      serviceAccess: (clientId) => this.services.accessOf(clientId),
      now: () => this.clock.now(),
    });
    assertNoDevelopmentParts(configuration);
    const provider = new Provider(publicUrl, configuration);
    provider.Client.prototype.compareClientSecret = function (this: Client, presented: string): boolean {
      return isClientSecret(presented, this.clientSecret);
    };
    introspectAccessTokens(provider, async (token) => (await this.verifier.inspect(token)) !== undefined);
    // Every address it makes comes from the pinned headers of the endpoint, which replace what the client sent.
    provider.proxy = true;
    provider.on('server_error', (_ctx, error) => this.logger.error({ err: error }, 'the provider failed'));
    provider.on('grant.success', (ctx) => void this.recordUse(ctx));
    return provider;
  }

  private async findActiveUser(id: string): Promise<User | null> {
    const user = await this.users.findById(id);
    return user?.status === 'active' ? user : null;
  }

  private async recordUse(ctx: KoaContextWithOIDC): Promise<void> {
    const grantId = ctx.oidc.entities.Grant?.jti;
    if (!grantId) return;
    try {
      await this.grants.recordUse(grantId, ctx.ip);
    } catch (error) {
      this.logger.warn({ err: error }, 'the last use of a sign-in was not recorded');
    }
  }
}
