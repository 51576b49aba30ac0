import { hasNul } from './nul.js';

/** Stands where something was that cannot be stored. */
const REPLACEMENT = '\ufffd';

/**
 * What a string anywhere in `value` holds that PostgreSQL cannot store, or null: a NUL character, or half of a surrogate pair, which JSON can
 * write and UTF-8 cannot.
 */
export function unstorableIn(value: unknown): string | null {
  if (typeof value === 'string') return faultOf(value);
  if (typeof value !== 'object' || value === null) return null;
  for (const [name, member] of Object.entries(value)) {
    const fault = faultOf(name) ?? unstorableIn(member);
    if (fault !== null) return fault;
  }
  return null;
}

function faultOf(text: string): string | null {
  if (hasNul(text)) return 'a NUL character';
  return text.isWellFormed() ? null : 'half of a surrogate pair';
}

/** JSON as it can be stored: U+FFFD, which stands for what cannot be read, in the place of what PostgreSQL cannot store. */
export function storable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(storable);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [storableText(name), storable(member)]));
}

/** The same of one text. */
export function storableText(text: string): string {
  return text.replaceAll('\0', REPLACEMENT).toWellFormed();
}

/** As `JSON.stringify` writes what PostgreSQL takes in no document. */
const UNSTORABLE = /\\u(0000|d[89a-f])/;

/** `value` as JSON that PostgreSQL takes, which refuses a whole document for one such character. A bigint is text. */
export function storedJson(value: unknown): string {
  const text = JSON.stringify(value, plain);
  return UNSTORABLE.test(text) ? JSON.stringify(storable(JSON.parse(text))) : text;
}

function plain(_name: string, member: unknown): unknown {
  return typeof member === 'bigint' ? String(member) : member;
}

/** The first `lengthMax` units of a text, and no half of a character. */
export function beginningOf(text: string, lengthMax: number): string {
  return text.slice(0, lengthMax).replace(/[\ud800-\udbff]$/, '');
}
