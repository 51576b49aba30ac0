import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../common/http/principal.js';

/** Who sends a request that acts once, from where, and the key in its header. */
export interface Sender {
  actorId: string;
  ip: string;
  requestId: string;
  key: string | undefined;
}

/** Injects the caller with the header `Idempotency-Key`. Only on routes that need a token. */
export const KeyedSender = createParamDecorator((_data: unknown, context: ExecutionContext): Sender => {
  const request = context.switchToHttp().getRequest<FastifyRequest & { principal?: Principal }>();
  if (!request.principal) throw new Error('a route reads the principal but is public');
  const { ip, id: requestId, headers } = request;
  const key = headers['idempotency-key'];
  return { actorId: request.principal.userId, ip, requestId, key: Array.isArray(key) ? key.join(', ') : key };
});
