/** Where the provider answers, by the engine's names. */
export const OIDC_ROUTES = {
  authorization: '/oauth2/authorize',
  token: '/oauth2/token',
  revocation: '/oauth2/revoke',
  jwks: '/oauth2/jwks',
  userinfo: '/oauth2/userinfo',
  end_session: '/oauth2/logout',
  pushed_authorization_request: '/oauth2/par',
  introspection: '/oauth2/introspect',
  device_authorization: '/oauth2/device_authorization',
  code_verification: '/oauth2/device',
} as const;

const { authorization, code_verification, end_session } = OIDC_ROUTES;
const ENDPOINTS: ReadonlySet<string> = new Set([
  ...Object.values(OIDC_ROUTES),
  `${end_session}/confirm`,
  `${end_session}/success`,
]);
/** Where a browser goes on after the pages of the sign-in. */
const RESUMED = new RegExp(`^(?:${authorization}|${code_verification})/[\\w-]+$`);

/**
 * Whether the path of a request is one of the provider's, letter by letter. The engine also takes other spellings (`/oauth2/Device`,
 * `/oauth2/device/`, `/oauth2/device#`), which would get past what is counted by path.
 */
export function isProviderPath(path: string): boolean {
  return ENDPOINTS.has(path) || RESUMED.test(path);
}
