import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../common/http/principal.js';

/** Who sends a request that acts once, and the key in its header. */
export interface Sender {
  actorId: string;
  key: string | undefined;
}

/** Injects the caller with the header `Idempotency-Key`. Only on routes that need a token. */
export const KeyedSender = createParamDecorator((_data: unknown, context: ExecutionContext): Sender => {
  const { principal, headers } = context.switchToHttp().getRequest<FastifyRequest & { principal?: Principal }>();
  if (!principal) throw new Error('a route reads the principal but is public');
  const key = headers['idempotency-key'];
  return { actorId: principal.userId, key: Array.isArray(key) ? key.join(', ') : key };
});
