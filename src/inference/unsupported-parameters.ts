import type { FastifyRequest } from 'fastify';

/** The policy that the caller asked for with `X-Unsupported-Parameters`. Anything but `drop` is the default. */
export function unsupportedPolicy(request: FastifyRequest): 'reject' | 'drop' {
  const header = request.headers['x-unsupported-parameters'];
  return typeof header === 'string' && header.trim().toLowerCase() === 'drop' ? 'drop' : 'reject';
}
