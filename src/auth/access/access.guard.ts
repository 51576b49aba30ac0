import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { WallClock } from '../../common/clock.js';
import {
  PUBLIC_ROUTE,
  ROUTE_MAX_AGE,
  ROUTE_ROLES,
  ROUTE_SCOPES,
  type Role,
  type Scope,
} from '../../common/http/route-markers.js';
import { Config } from '../../config/config.js';
import {
  InsufficientRoleError,
  InsufficientScopeError,
  InsufficientUserAuthenticationError,
  MissingTokenError,
} from '../auth.errors.js';
import { AccessTokenVerifier, type AccessPrincipal } from './access-token.verifier.js';
import type { AuthenticatedRequest } from './request-authenticator.js';
import { isStrong, STRONG_ACR } from './authentication-strength.js';

/** Guards every route: public, or a token with one of its scopes, a user with one of its roles, and a sign-in as fresh as it demands. A route that says nothing is refused. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly config: Config,
    private readonly verifier: AccessTokenVerifier,
    private readonly clock: WallClock,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.marker<boolean>(PUBLIC_ROUTE, context)) return true;
    const { principal } = context.switchToHttp().getRequest<AuthenticatedRequest>();
    if (!principal) throw new MissingTokenError(this.verifier.resourceMetadata);
    this.checkScopes(principal, this.marker<Scope[]>(ROUTE_SCOPES, context) ?? []);
    this.checkRoles(principal, this.marker<Role[]>(ROUTE_ROLES, context));
    this.checkFreshness(principal, this.marker<number>(ROUTE_MAX_AGE, context));
    return true;
  }

  private marker<T>(key: string, context: ExecutionContext): T | undefined {
    return this.reflector.getAllAndOverride<T | undefined>(key, [context.getHandler(), context.getClass()]);
  }

  private checkScopes(principal: AccessPrincipal, anyOf: Scope[]): void {
    if (!anyOf.some((scope) => principal.scopes.has(scope))) {
      throw new InsufficientScopeError(anyOf, this.verifier.resourceMetadata);
    }
  }

  private checkRoles(principal: AccessPrincipal, anyOf: Role[] | undefined): void {
    if (!anyOf) return;
    if (!anyOf.includes(principal.role)) throw new InsufficientRoleError(anyOf);
    if (this.lacksFactor(principal)) {
      throw new InsufficientUserAuthenticationError({ acrValues: STRONG_ACR }, this.verifier.resourceMetadata);
    }
  }

  private checkFreshness(principal: AccessPrincipal, maxAge: number | undefined): void {
    if (maxAge === undefined) return;
    const { authenticatedAtMs = -Infinity, role } = principal;
    const isOld = this.clock.now().getTime() - authenticatedAtMs > maxAge * 1000;
    const isWeak = role !== 'user' && this.lacksFactor(principal);
    if (!isOld && !isWeak) return;
    const wanted = { maxAge, acrValues: isWeak ? STRONG_ACR : undefined };
    throw new InsufficientUserAuthenticationError(wanted, this.verifier.resourceMetadata);
  }

  /** Whether an operator signed in with less than this installation demands of operators. */
  private lacksFactor({ amr }: AccessPrincipal): boolean {
    return this.config.adminMfa === 'required' && !isStrong(amr);
  }
}
