import { SetMetadata } from '@nestjs/common';

/** OAuth scopes this server knows. The first three belong to OpenID Connect, the others to our API. */
export const SCOPES = [
  'openid',
  'email',
  'profile',
  'llm.inference',
  'models.read',
  'user.info',
  'credits.read',
  'usage.read',
  'admin',
] as const;

export type Scope = (typeof SCOPES)[number];
export type Role = 'user' | 'support' | 'admin';

export const PUBLIC_ROUTE = 'tollgate:public';
export const ROUTE_SCOPES = 'tollgate:scopes';
export const ROUTE_ROLES = 'tollgate:roles';
export const ROUTE_MAX_AGE = 'tollgate:max-age';
export const API_KEY_HEADER_ROUTE = 'tollgate:api-key-header';

/** How old a sign-in may be that a sensitive change is made with: the time of one visit to the settings. */
const FRESH_SECONDS = 600;

/** Reachable without a token. Without this marker or `@Scopes`, a route is refused. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(PUBLIC_ROUTE, true);

/** The token must carry at least one of these scopes. */
export const Scopes = (...anyOf: Scope[]): MethodDecorator & ClassDecorator => SetMetadata(ROUTE_SCOPES, anyOf);

/** The user's role, as the database has it now, must be one of these. */
export const Roles = (...anyOf: Role[]): MethodDecorator & ClassDecorator => SetMetadata(ROUTE_ROLES, anyOf);

/**
 * The user must have signed in a short while ago, an operator with a second factor where the installation demands one. An API key is no
 * sign-in at all. Answered as RFC 9470 says, so that a client can ask for a new sign-in and try again.
 */
export const RequireFreshFactor = (seconds = FRESH_SECONDS): MethodDecorator => SetMetadata(ROUTE_MAX_AGE, seconds);

/** An API key may also come in the header `x-api-key`, where clients of this wire format put it. */
export const TakesApiKeyHeader = (): MethodDecorator => SetMetadata(API_KEY_HEADER_ROUTE, true);
