import { randomUUIDv7 } from 'node:crypto';

/** A new UUIDv7: time-ordered, so that keys made together are stored together. */
export function newId(): string {
  return randomUUIDv7();
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export function isUuid(value: string): boolean {
  return UUID_PATTERN.test(value);
}
