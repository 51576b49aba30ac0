import type {
  Account,
  AccountClaims,
  Adapter,
  Client,
  ClientAuthMethod,
  Configuration,
  Grant,
  JWK,
  KoaContextWithOIDC,
  RefreshToken,
  ResourceServer,
} from 'oidc-provider';
import { SINGLE_FACTOR_ACR, STRONG_ACR } from '../access/authentication-strength.js';
import type { User } from '../identity/user.entity.js';
import { API_SCOPES_METADATA, FIRST_PARTY_METADATA } from './client-adapter.js';
import { CLIENT_AUTH_METHODS } from './client-kinds.js';
import { GRANT_DAYS } from './grant.service.js';
import { errors, interactionPolicy } from './oidc-engine.js';
import { OIDC_ROUTES } from './oidc-routes.js';
import { confirmDevicePage, deviceConnectedPage, userCodePage } from './pages/device-pages.js';
import { logoutPage, renderProviderError, signedOutPage } from './pages/provider-pages.js';
import { OIDC_SCOPES, UNVERIFIED_API_SCOPES } from './scopes-of-client.js';
import type { ServiceAccess } from './service-accounts.service.js';

export const ACCESS_TOKEN_SECONDS = 600;
const HOUR = 3600;
const DAY = 24 * HOUR;

/** A browser's session ends when it was not used for this long. */
const SESSION_IDLE_SECONDS = 8 * HOUR;
/** However often it is used, its person shows again who they are after this long (ASVS 5.0 7.3.2; NIST SP 800-63B-4, AAL2). */
const SESSION_SECONDS_MAX = DAY;

/** Extra parameters of the authorization request that a desktop client may send, shown on the consent page and in the device list. */
export const DEVICE_PARAMETERS = ['device_name', 'platform', 'app_version'];

export interface OidcDependencies {
  publicUrl: string;
  cookieKeys: string[];
  jwks: JWK[];
  adapter: (type: string) => Adapter;
  /** The user if they may sign in at all: neither suspended nor deleted. Asked at every refresh. */
  findUser: (id: string) => Promise<User | null>;
  /** Told of a code that is right, by the address that typed it. */
  acceptUserCode: (ip: string) => Promise<void>;
  /** Whom a service client's token stands for. @throws errors.UnauthorizedClient */
  serviceAccess: (clientId: string) => Promise<ServiceAccess>;
  now: () => Date;
}

/** The provider, configured: one issuer at the root, code with PKCE for everyone, JWT access tokens for our own API. */
export function oidcConfiguration(dependencies: OidcDependencies): Configuration {
  const { publicUrl, jwks, adapter } = dependencies;
  const cookie = { signed: true, httpOnly: true, sameSite: 'lax', secure: publicUrl.startsWith('https:') } as const;
  return {
    adapter,
    clients: [],
    jwks: { keys: jwks },
    cookies: { keys: dependencies.cookieKeys, long: cookie, short: cookie },
    scopes: [...OIDC_SCOPES],
    acrValues: [SINGLE_FACTOR_ACR, STRONG_ACR],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'updated_at'] },
    responseTypes: ['code'],
    pkce: { required: () => true },
    // No method that would need the secret itself: only its hash is kept.
    clientAuthMethods: ['none', ...CLIENT_AUTH_METHODS],
    extraParams: DEVICE_PARAMETERS,
    extraClientMetadata: { properties: [FIRST_PARTY_METADATA, API_SCOPES_METADATA] },
    routes: OIDC_ROUTES,
    interactions: {
      url: (_ctx, interaction) => `/interaction/${interaction.uid}`,
      policy: interactionsPolicy(dependencies),
    },
    features: features(dependencies),
    // The seeded clients do not ask for `offline_access`; who may refresh is said by the client's grant types.
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    // A device stays signed in when the browser that it used forgets its session.
    expiresWithSession: () => false,
    rotateRefreshToken: (ctx) => isRotated(ctx.oidc.entities.RefreshToken),
    loadExistingGrant,
    ttl: {
      AccessToken: ACCESS_TOKEN_SECONDS,
      AuthorizationCode: 60,
      ClientCredentials: ACCESS_TOKEN_SECONDS,
      DeviceCode: 600,
      IdToken: 600,
      Interaction: HOUR / 2,
      Session: SESSION_IDLE_SECONDS,
      RefreshToken: 30 * DAY,
      Grant: GRANT_DAYS * DAY,
    },
    extraTokenClaims: (ctx, token) => accessTokenClaims(ctx, token),
    formats: {
      customizers: {
        jwt: async (ctx, token, { payload }) => {
          // One that opens nothing of the API is read all the same, so that it is told what it lacks.
          payload['scope'] ??= '';
          if (token.kind !== 'ClientCredentials') return;
          if (payload['scope'] === '') throw noScope(ctx);
          const { userId, grantId } = await dependencies.serviceAccess(token.clientId!);
          Object.assign(payload, { sub: userId, grant_id: grantId, acr: SINGLE_FACTOR_ACR, amr: [] });
        },
      },
    },
    findAccount: (_ctx, id) => findAccount(dependencies, id),
    renderError: (ctx, out, error) => renderProviderError(ctx, out, error),
    clientBasedCORS: () => false,
  };
}

/** @throws Error when the engine would bring its own pages, which take any password, or its store in memory, which forgets and is nobody else's */
export function assertNoDevelopmentParts({ adapter, features: { devInteractions } = {} }: Configuration): void {
  if (devInteractions?.enabled !== false) throw new Error('the engine’s own sign-in pages must be off');
  if (!adapter) throw new Error('the engine needs our storage, not its own in memory');
}

function features(dependencies: OidcDependencies): NonNullable<Configuration['features']> {
  return {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    // Proofs are for those who bring them; what was bound to a key is worth nothing without it.
    dPoP: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    deviceFlow: {
      enabled: true,
      // 20^8 codes of ten minutes, twenty guesses an hour.
      charset: 'base-20',
      mask: '****-****',
      userCodeInputSource: userCodePage,
      userCodeConfirmSource: async (ctx, form, ...[, , userCode]) => {
        await dependencies.acceptUserCode(ctx.ip);
        confirmDevicePage(ctx, form, userCode);
      },
      successSource: deviceConnectedPage,
    },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    introspection: {
      enabled: true,
      // Who cannot prove to be the client learns nothing about a token.
      allowedPolicy: (_ctx, client, token) =>
        client.clientAuthMethod !== ('none' satisfies ClientAuthMethod) && token.clientId === client.clientId,
    },
    rpInitiatedLogout: { enabled: true, logoutSource: logoutPage, postLogoutSuccessSource: signedOutPage },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, client, oneOf) => oneOf ?? (isFirstParty(client) ? dependencies.publicUrl : []),
      useGrantedResource: (ctx) => isFirstParty(ctx.oidc.client),
      getResourceServerInfo: (ctx, resource, client) => resourceServer(dependencies.publicUrl, ctx, resource, client),
    },
  };
}

/**
 * A token that is bound to a key is of no use to a thief, so that a lost answer need not sign a device out: it is replaced late in its life.
 * Every other is replaced each time.
 */
function isRotated(token: RefreshToken | undefined): boolean {
  return token?.isSenderConstrained() ? token.ttlPercentagePassed() >= 70 : true;
}

/** Clients that speak to our API get a token for it without asking; others get OpenID Connect's plain behaviour. */
function isFirstParty(client: Client | undefined): boolean {
  return client?.[FIRST_PARTY_METADATA] === true;
}

function resourceServer(publicUrl: string, ctx: KoaContextWithOIDC, resource: string, client: Client): ResourceServer {
  if (resource !== publicUrl) throw new errors.InvalidTarget();
  const scopes = client[API_SCOPES_METADATA] as string[];
  // At the token endpoint the user is known: who has not confirmed the address gets less, and more at the refresh after confirming.
  const isUnverified = ctx.oidc.route === 'token' && ctx.oidc.account?.['isEmailVerified'] === false;
  return {
    audience: publicUrl,
    scope: scopes
      .filter((scope) => !isUnverified || (UNVERIFIED_API_SCOPES as readonly string[]).includes(scope))
      .join(' '),
    accessTokenTTL: ACCESS_TOKEN_SECONDS,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  };
}

/** A program asks for what it needs, or would get a token that opens nothing (RFC 6749, 3.3). */
function noScope({ oidc: { client, requestParamScopes } }: KoaContextWithOIDC): Error {
  const scopes = (client?.[API_SCOPES_METADATA] as string[] | undefined) ?? [];
  return new errors.InvalidScope(`name some of: ${scopes.join(' ')}`, [...requestParamScopes].join(' '));
}

/** RFC 9470: what a route of ours or another server told the app to ask for. */
function wantsStrong(ctx: KoaContextWithOIDC): boolean {
  const wanted = ctx.oidc.params?.['acr_values'];
  return typeof wanted === 'string' && wanted.split(' ').includes(STRONG_ACR);
}

/**
 * A session whose user was suspended or deleted meanwhile is asked to sign in again, instead of failing later; so is one without the second factor
 * that the app asks for, and one that is a day old.
 */
function interactionsPolicy({ now }: OidcDependencies): ReturnType<typeof interactionPolicy.base> {
  const policy = interactionPolicy.base();
  const { checks } = policy.get('login')!;
  checks.add(
    new interactionPolicy.Check('no_account', 'the signed-in account is not available', (ctx) =>
      Boolean(ctx.oidc.session?.accountId && !ctx.oidc.account),
    ),
  );
  checks.add(
    new interactionPolicy.Check(
      'factor_missing',
      'a second factor is asked for',
      (ctx) => wantsStrong(ctx) && ctx.oidc.session?.accountId !== undefined && ctx.oidc.session.acr !== STRONG_ACR,
    ),
  );
  checks.add(
    new interactionPolicy.Check(
      'session_over',
      'the sign-in is too long ago',
      'login_required',
      ({ oidc: { session } }) =>
        Boolean(session?.accountId && now().getTime() / 1000 - (session.loginTs ?? 0) > SESSION_SECONDS_MAX),
    ),
  );
  return policy;
}

/**
 * Only the grant that this very sign-in was given on the consent page. The provider would take the one of the browser's session: then two
 * devices approved in one browser would share a grant, and ending one would end the other.
 */
async function loadExistingGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const grantId = ctx.oidc.result?.consent?.grantId;
  const grant = grantId ? await ctx.oidc.provider.Grant.find(grantId) : undefined;
  if (!grant) return undefined;
  // What was asked for and not granted counts as refused, so that the page is not shown again.
  const requested = [...ctx.oidc.requestParamScopes];
  grant.rejectOIDCScope(requested.filter((scope) => !grant.getOIDCScope().split(' ').includes(scope)));
  for (const resource of Object.keys(ctx.oidc.resourceServers ?? {})) {
    const granted = grant.getResourceScope(resource).split(' ');
    grant.rejectResourceScope(
      resource,
      requested.filter((scope) => !granted.includes(scope)),
    );
  }
  return grant;
}

/** What routes need to demand a fresher or stronger sign-in, and what ties a token to its kill switch. */
function accessTokenClaims(ctx: KoaContextWithOIDC, token: { grantId?: string } | object): Record<string, unknown> {
  const { RotatedRefreshToken, RefreshToken, AuthorizationCode, DeviceCode } = ctx.oidc.entities;
  const source = RotatedRefreshToken ?? RefreshToken ?? AuthorizationCode ?? DeviceCode;
  return {
    grant_id: 'grantId' in token ? token.grantId : undefined,
    acr: source?.acr,
    amr: source?.amr,
    auth_time: source?.authTime,
  };
}

async function findAccount({ findUser }: OidcDependencies, id: string): Promise<Account | undefined> {
  const user = await findUser(id);
  if (!user) return undefined;
  const isEmailVerified = user.emailVerifiedAt !== null;
  return {
    accountId: user.id,
    isEmailVerified,
    claims: (): AccountClaims => ({
      sub: user.id,
      email: user.email,
      email_verified: isEmailVerified,
      name: user.displayName ?? undefined,
      updated_at: Math.floor(user.updatedAt.getTime() / 1000),
    }),
  };
}
