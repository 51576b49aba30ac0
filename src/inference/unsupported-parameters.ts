import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';

/** The policy that the caller asked for with `X-Unsupported-Parameters`. Anything but `drop` is the default. */
export function unsupportedPolicy(request: FastifyRequest): 'reject' | 'drop' {
  const header = request.headers['x-unsupported-parameters'];
  return typeof header === 'string' && header.trim().toLowerCase() === 'drop' ? 'drop' : 'reject';
}

/** Says of a route that it takes the header. */
export function ApiUnsupportedParameters(): MethodDecorator {
  return ApiHeader({
    name: 'X-Unsupported-Parameters',
    required: false,
    schema: { type: 'string', enum: ['reject', 'drop'], default: 'reject' },
    description:
      'drop: leave out parameters that the model or this server does not take, and name them in X-Parameters-Applied.',
  });
}
