import { createParamDecorator, type ExecutionContext, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type FastifyAdapter, RouteConfig } from '@nestjs/platform-fastify';
import { AccessTokenVerifier } from '../../auth/access/access-token.verifier.js';
import { type AuthenticatedRequest, presentedBy } from '../../auth/access/request-authenticator.js';
import { type IntakeKind, IntakeRates } from './intake-rates.js';

interface IntakeRouteConfig {
  intakeKind?: IntakeKind;
}

/**
 * Limits public routes by who sends, and finds out who it is where the request says so: a token that is sent must be a good one. It does so before
 * a body is read: what is refused is not worth reading.
 */
@Injectable()
export class IntakeGate implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost<FastifyAdapter>,
    private readonly rates: IntakeRates,
    private readonly verifier: AccessTokenVerifier,
  ) {}

  /** Hooks apply to routes that are registered after them, which the routes of controllers are. */
  onModuleInit(): void {
    this.host.httpAdapter.getInstance().addHook('onRequest', (request) => this.admit(request));
  }

  /** @throws TooManyRequestsError, InvalidTokenError, AccountSuspendedError */
  private async admit(request: AuthenticatedRequest): Promise<void> {
    const { intakeKind } = request.routeOptions.config as IntakeRouteConfig;
    if (intakeKind === undefined) return;
    await this.rates.consume(intakeKind, request.ip);
    if (request.headers.authorization !== undefined) {
      request.principal = await this.verifier.verify(presentedBy(request));
    }
  }
}

/** A public route that is limited by what comes from one network. */
export const LimitedIntake = (intakeKind: IntakeKind): MethodDecorator =>
  RouteConfig({ intakeKind } satisfies IntakeRouteConfig);

/** The id of who sends, where that is known; else null. */
export const SenderId = createParamDecorator((_data: unknown, context: ExecutionContext): string | null => {
  const { principal } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  return principal?.userId ?? null;
});
