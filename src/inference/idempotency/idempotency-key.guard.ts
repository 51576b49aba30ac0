import { applyDecorators, type CanActivate, type ExecutionContext, Injectable, UseGuards } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { IdempotencyKeyInvalidError } from '../../credits/credits.errors.js';
import type { InferenceHttpRequest } from '../admitted-chat.js';

const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;

/** Refuses a malformed `Idempotency-Key` and leaves a good one on the request. */
@Injectable()
export class IdempotencyKeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<InferenceHttpRequest>();
    const key = request.headers['idempotency-key'];
    if (key === undefined) return true;
    if (typeof key !== 'string' || !IDEMPOTENCY_KEY.test(key)) throw new IdempotencyKeyInvalidError();
    request.idempotencyKey = key;
    return true;
  }
}

/** What a repeated request of a charging route may be refused with, beside its other errors. */
export const IDEMPOTENCY_ERRORS: Record<number, string> = {
  409: 'idempotency_in_progress, idempotency_answer_not_kept',
  422: 'idempotency_mismatch',
};

/** Every POST that can charge takes the header; `ChargeOnce` does what it promises. */
export function TakesIdempotencyKey(): MethodDecorator {
  return applyDecorators(
    UseGuards(IdempotencyKeyGuard),
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x20-\\x7e]{1,255}$' },
      description:
        'The same key and body on this route are charged once: for 24 hours a repeat gets the stored answer with Idempotent-Replayed: true, and ' +
        'the X-Request-Id and X-Credits-Charged of the first. While that is under way it is 409, with another body 422. A refusal stores nothing.',
    }),
  );
}
