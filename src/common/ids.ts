import { randomUUIDv7 } from 'node:crypto';

const COUNTER_MAX = 0xfff;

let last = '';

/**
 * A new UUIDv7, greater than every one that this process made before: keys made together are stored together, and an order by id is the order of
 * making, also within a millisecond and while the machine's clock is set back (RFC 9562, 6.2).
 */
export function newId(): string {
  const id = randomUUIDv7();
  last = id > last ? id : idAfter(last, id);
  return last;
}

/** Counts up the twelve bits behind the time, and then the time; the rest is as random as in `random`. */
function idAfter(id: string, random: string): string {
  const counter = parseInt(id.slice(15, 18), 16) + 1;
  if (counter <= COUNTER_MAX) return id.slice(0, 15) + hex(counter, 3) + random.slice(18);
  const time = hex(parseInt(id.slice(0, 8) + id.slice(9, 13), 16) + 1, 12);
  return `${time.slice(0, 8)}-${time.slice(8)}-7000${random.slice(18)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export function isUuid(value: string): boolean {
  return UUID_PATTERN.test(value);
}
