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

/** Reachable without a token. Without this marker or `@Scopes`, a route is refused. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(PUBLIC_ROUTE, true);

/** The token must carry at least one of these scopes. */
export const Scopes = (...anyOf: Scope[]): MethodDecorator & ClassDecorator => SetMetadata(ROUTE_SCOPES, anyOf);

/** The user's role, as the database has it now, must be one of these. */
export const Roles = (...anyOf: Role[]): MethodDecorator & ClassDecorator => SetMetadata(ROUTE_ROLES, anyOf);
