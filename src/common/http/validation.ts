import { type ArgumentMetadata, type ValidationError, ValidationPipe } from '@nestjs/common';
import { unstorableIn } from '../domain/storable.js';
import type { FieldError } from '../errors/app-error.js';
import { InvalidRequestError } from '../errors/common.errors.js';

/** No text of a resource may hold what PostgreSQL cannot store. */
class RequestValidation extends ValidationPipe {
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (this.toValidate(metadata) && unstorableIn(value) !== null) {
      const faults = Object.entries(value as object).flatMap((entry) => {
        const unstorable = unstorableIn(entry);
        return unstorable === null ? [] : [{ field: entry[0], message: `must not hold ${unstorable}` }];
      });
      throw InvalidRequestError.of(faults);
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
