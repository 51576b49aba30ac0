import { ForeignKeyConstraintViolationException, UniqueConstraintViolationException } from '@mikro-orm/core';

const RETRYABLE_STATES = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
]);

/** Whether `error` is the refusal of the unique constraint or index `name`, or of any when no name is given. */
export function isUniqueViolation(error: unknown, name?: string): boolean {
  return error instanceof UniqueConstraintViolationException && (name === undefined || constraintOf(error) === name);
}

export function isForeignKeyViolation(error: unknown, name?: string): boolean {
  return (
    error instanceof ForeignKeyConstraintViolationException && (name === undefined || constraintOf(error) === name)
  );
}

/** Whether the same transaction may succeed when it is run again from its beginning. */
export function isRetryable(error: unknown): boolean {
  return RETRYABLE_STATES.has(sqlStateOf(error) ?? '');
}

/** The five-character SQLSTATE, found through the ORM's wrappers. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

function constraintOf(error: unknown): string | undefined {
  return (error as { constraint?: string }).constraint;
}
