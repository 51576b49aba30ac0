import { type ArgumentMetadata, type ValidationError, ValidationPipe } from '@nestjs/common';
import { unstorableIn } from '../domain/storable.js';
import type { FieldError } from '../errors/app-error.js';
import { InvalidRequestError } from '../errors/common.errors.js';

/** No text of a resource may hold what PostgreSQL cannot store. */
class RequestValidation extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const unstorable = this.toValidate(metadata) ? unstorableIn(value) : null;
    if (unstorable !== null) {
      const fields = Object.entries(value as object).filter((entry) => unstorableIn(entry) !== null);
      throw InvalidRequestError.of(fields.map((entry) => ({ field: entry[0], message: faultOf(entry) })));
    }
    return super.transform(value, metadata);
  }
}

function faultOf(entry: [string, unknown]): string {
  return `must not hold ${unstorableIn(entry)}`;
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
