import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { MeteringService } from '../usage/metering.service.js';
import type { InferenceHttpRequest } from './admitted-chat.js';

/**
 * Refuses the obvious before anything is read or asked: a client that goes on although its limit is used up. It never refuses what `reserve`
 * would take; whatever it does not know, passes. A request with a key of its own passes too, because its answer may be there already.
 */
@Injectable()
export class RateLimitGuard implements CanActivate {
  constructor(
    private readonly metering: MeteringService,
    private readonly clock: Clock,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { principal, idempotencyKey } = context.switchToHttp().getRequest<InferenceHttpRequest>();
    if (!principal || idempotencyKey !== undefined) return true;
    const refusal = await this.metering.refusedAlready(principal.userId, this.clock.now());
    if (refusal) throw refusal;
    return true;
  }
}
