import { applyDecorators, HttpCode, SetMetadata, UseGuards } from '@nestjs/common';
import { CHAT_ERRORS, ApiInferenceErrors, type OpenApiSchema } from '../chat.openapi.js';
import { TakesIdempotencyKey } from '../idempotency/idempotency-key.guard.js';
import { ModelAccessGuard } from '../model-access.guard.js';
import { ParameterConstraintsGuard } from '../parameter-constraints.guard.js';
import { RateLimitGuard } from '../rate-limit.guard.js';
import { ApiUnsupportedParameters } from '../unsupported-parameters.js';
import { type ChatDialect, ROUTE_DIALECT } from './chat-dialect.js';

/** A route that answers chats in a dialect, behind the same guards as every other. Its errors have OpenAI's envelope unless told otherwise. */
export function ChatRoute(dialect: ChatDialect, envelope?: OpenApiSchema): MethodDecorator {
  return applyDecorators(
    HttpCode(200),
    SetMetadata(ROUTE_DIALECT, dialect),
    // Guards are asked in the order in which they are named.
    TakesIdempotencyKey(),
    UseGuards(RateLimitGuard, ModelAccessGuard, ParameterConstraintsGuard),
    ApiUnsupportedParameters(),
    ApiInferenceErrors(CHAT_ERRORS, envelope),
  );
}
