import { randomUUID } from 'node:crypto';

/** A UUIDv7 of this time. */
export function uuidAt(at: Date): string {
  const time = at.getTime().toString(16).padStart(12, '0');
  // All that follows its version is the same in one of version 4.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
