import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import type { Adapter, AdapterPayload, Provider as OidcProvider } from 'oidc-provider';
import { Provider } from '../../src/auth/oauth/oidc-engine.js';

export const UPSTREAM_CLIENT = { client_id: 'tollgate-here', client_secret: 'a secret of the provider elsewhere' };

export interface UpstreamAccount {
  sub: string;
  email?: string;
  email_verified?: boolean;
  name?: string;
}

const TTL_SECONDS = 600;

/** What the provider elsewhere remembers; its own store in memory warns on every start. */
class Memory implements Adapter {
  private readonly rows = new Map<string, AdapterPayload>();

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    this.rows.set(id, payload);
  }
  async find(id: string): Promise<AdapterPayload | undefined> {
    return this.rows.get(id);
  }
  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return [...this.rows.values()].find((row) => row.uid === uid);
  }
  async findByUserCode(): Promise<undefined> {}
  async consume(id: string): Promise<void> {
    const row = this.rows.get(id);
    if (row) row.consumed = Date.now() / 1000;
  }
  async destroy(id: string): Promise<void> {
    this.rows.delete(id);
  }
  async revokeByGrantId(): Promise<void> {}
}

/** An OpenID provider elsewhere, on a port of its own. Whoever comes is `signedIn`, without a page; nobody there means that the person cancels. */
export class UpstreamProvider {
  signedIn: UpstreamAccount | null = null;
  /** The parameters of the last request. */
  asked: Record<string, unknown> = {};
  url = '';

  private server: Server | undefined;
  private provider: OidcProvider | undefined;

  static async open(): Promise<UpstreamProvider> {
    const upstream = new UpstreamProvider();
    upstream.server = createServer((request, response) => void upstream.provider?.callback()(request, response));
    await new Promise<void>((resolve) => upstream.server?.listen(0, 'localhost', resolve));
    upstream.url = `http://localhost:${(upstream.server.address() as AddressInfo).port}`;
    return upstream;
  }

  /** What the tested server's environment has to say of it. */
  environment(name: string, label: string): Record<string, string> {
    const prefix = `UPSTREAM_${name.toUpperCase()}`;
    return {
      [`${prefix}_ISSUER`]: this.url,
      [`${prefix}_LABEL`]: label,
      [`${prefix}_CLIENT_ID`]: UPSTREAM_CLIENT.client_id,
      [`${prefix}_CLIENT_SECRET`]: UPSTREAM_CLIENT.client_secret,
    };
  }

  /** Takes the tested server as a client; before that it answers nothing. */
  async register(redirectUri: string): Promise<void> {
    const client = {
      ...UPSTREAM_CLIENT,
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'client_secret_post',
    };
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    const provider = new Provider(this.url, {
      adapter: () => new Memory(),
      jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' }] },
      ttl: {
        AccessToken: TTL_SECONDS,
        Grant: TTL_SECONDS,
        IdToken: TTL_SECONDS,
        Interaction: TTL_SECONDS,
        Session: TTL_SECONDS,
      },
      clients: [client as never],
      cookies: { keys: ['a cookie key of the provider elsewhere'] },
      claims: { email: ['email', 'email_verified'], profile: ['name'] },
      pkce: { required: () => true },
      features: { devInteractions: { enabled: false } },
      findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ ...this.signedIn, sub }) }),
      // One who signs in there has agreed.
      loadExistingGrant: async (context) => {
        const grant = new context.oidc.provider.Grant({
          clientId: UPSTREAM_CLIENT.client_id,
          accountId: context.oidc.session?.accountId ?? '',
        });
        grant.addOIDCScope('openid email profile');
        await grant.save();
        return grant;
      },
    });
    provider.use(async (context, next) => {
      if (!context.path.startsWith('/interaction/')) return next();
      this.asked = (await provider.interactionDetails(context.req, context.res)).params;
      const login = this.signedIn && { accountId: this.signedIn.sub, remember: false };
      await provider.interactionFinished(context.req, context.res, login ? { login } : { error: 'access_denied' });
      context.respond = false;
      return undefined;
    });
    this.provider = provider;
  }

  close(): Promise<void> {
    this.server?.closeAllConnections();
    return new Promise((resolve) => this.server?.close(() => resolve()));
  }
}
