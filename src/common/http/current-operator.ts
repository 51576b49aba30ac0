import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from './principal.js';

/** Who makes an administrative change, from where, in which request, and which state of the resource he has seen. */
export interface Operator {
  actorId: string;
  ip: string;
  requestId: string;
  /** Empty without the header: then no state is named. */
  ifMatch: string;
}

/** The operator as the access guard found him, with what the audit trail keeps. Only on routes that need a token. */
export const CurrentOperator = createParamDecorator((_data: unknown, context: ExecutionContext): Operator => {
  const request = context.switchToHttp().getRequest<FastifyRequest & { principal?: Principal }>();
  if (!request.principal) throw new Error('a route reads the operator but is public');
  const { ip, id, headers } = request;
  return { actorId: request.principal.userId, ip, requestId: id, ifMatch: headers['if-match'] ?? '' };
});
