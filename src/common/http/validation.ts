import { type ArgumentMetadata, type ValidationError, ValidationPipe } from '@nestjs/common';
import { hasNul } from '../domain/nul.js';
import type { FieldError } from '../errors/app-error.js';
import { InvalidRequestError } from '../errors/common.errors.js';

/** No text of a resource may hold a NUL character: PostgreSQL cannot store it. */
class RequestValidation extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (this.toValidate(metadata) && hasNul(value)) {
      const fields = Object.entries(value as object).filter((entry) => hasNul(entry));
      throw InvalidRequestError.of(fields.map(([field]) => ({ field, message: 'must not hold a NUL character' })));
    }
    return super.transform(value, metadata);
  }
}

/** Checks every DTO class; unknown fields are refused and all faults are told at once. */
export function createValidationPipe(): ValidationPipe {
  return new RequestValidation({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    stopAtFirstError: true,
    exceptionFactory: (errors) => InvalidRequestError.of(errors.flatMap((error) => flatten(error, ''))),
  });
}

function flatten(error: ValidationError, prefix: string): FieldError[] {
  const field = prefix ? `${prefix}.${error.property}` : error.property;
  const own = Object.values(error.constraints ?? {}).map((message) => ({ field, message }));
  return [...own, ...(error.children ?? []).flatMap((child) => flatten(child, field))];
}
