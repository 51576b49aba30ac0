import { ValidateIf } from 'class-validator';

/** A field that may be left out, and is not null: `IsOptional` would let null past every rule that follows. */
export function IfSent(): PropertyDecorator {
  return ValidateIf((_body, value) => value !== undefined);
}
