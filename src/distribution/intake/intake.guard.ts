import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { AccessTokenVerifier } from '../../auth/access/access-token.verifier.js';
import { type AuthenticatedRequest, presentedBy } from '../../auth/access/request-authenticator.js';
import { type IntakeKind, IntakeRates } from './intake-rates.js';

const INTAKE_KIND = 'tollgate:intake-kind';

/** Limits a public route by who sends, and finds out who it is where the request says so: a token that is sent must be a good one. */
@Injectable()
export class IntakeGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly rates: IntakeRates,
    private readonly verifier: AccessTokenVerifier,
  ) {}

  /** @throws TooManyRequestsError, InvalidTokenError, AccountSuspendedError */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    await this.rates.consume(this.reflector.get<IntakeKind>(INTAKE_KIND, context.getHandler()), request.ip);
    if (request.headers.authorization !== undefined) {
      request.principal = await this.verifier.verify(presentedBy(request));
    }
    return true;
  }
}

/** A public route that is limited by what comes from one network. */
export const LimitedIntake = (kind: IntakeKind): MethodDecorator =>
  applyDecorators(SetMetadata(INTAKE_KIND, kind), UseGuards(IntakeGuard));

/** The id of who sends, where that is known; else null. */
export const SenderId = createParamDecorator((_data: unknown, context: ExecutionContext): string | null => {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest & AuthenticatedRequest>();
  return principal?.userId ?? null;
});
