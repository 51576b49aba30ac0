import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** Load balancers also write an address with its port, and a link-local one names its interface. */
const WITH_PORT = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/;

/** The address alone; undefined for what is none. */
export function plainAddress(text: string | undefined): string | undefined {
  const [, bracketed, dotted] = WITH_PORT.exec(text ?? '') ?? [];
  const [address = ''] = (bracketed ?? dotted ?? text ?? '').split('%');
  return isIP(address) === 0 ? undefined : address;
}

/**
 * Makes `request.ip` an address and nothing else: it is counted by and stored as one. What a load balancer wrote that is none, such as `unknown`,
 * is answered as if the load balancer itself had asked.
 */
export function pinClientAddress(request: FastifyRequest): void {
  const value = plainAddress(request.ip) ?? plainAddress(request.raw.socket.remoteAddress);
  if (value !== undefined && value !== request.ip) Object.defineProperty(request, 'ip', { value });
}
