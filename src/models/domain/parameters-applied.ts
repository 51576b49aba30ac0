import type { AppliedChange } from './parameter-violation.js';

/** The header stays far below the usual 8 KiB limit of proxies; what is beyond is counted. */
const MEMBERS_MAX = 40;
const TEXT_LENGTH_MAX = 100;

const KEY_PATTERN = /^[a-z*][a-z0-9_.*-]*$/;
const INTEGER_MAX = 999_999_999_999_999;

/**
 * The value of `X-Parameters-Applied`, an RFC 9651 dictionary: `max_tokens=renamed;to="max_completion_tokens", top_k=dropped`. Empty when
 * nothing was changed. A later change of the same parameter replaces an earlier one, as dictionary keys do.
 */
export function formatParametersApplied(applied: readonly AppliedChange[]): string {
  const members = new Map<string, string>();
  for (const change of applied) {
    const key = toKey(change.parameter);
    members.delete(key);
    members.set(key, formatMember(change, key));
  }
  const shown = [...members].slice(0, MEMBERS_MAX).map(([key, value]) => `${key}=${value}`);
  if (members.size > MEMBERS_MAX) shown.push(`others=not-listed;count=${members.size - MEMBERS_MAX}`);
  return shown.join(', ');
}

function formatMember({ parameter, action, to, value, from, isPreference }: AppliedChange, key: string): string {
  return [
    action,
    ...(isPreference && action !== 'preferred' ? ['preference'] : []),
    ...(key === parameter ? [] : [`name=${formatText(parameter)}`]),
    ...(to === undefined ? [] : [`to=${formatText(to)}`]),
    ...(value === undefined ? [] : [`value=${formatBareItem(value)}`]),
    ...(from === undefined ? [] : [`from=${formatBareItem(from)}`]),
  ].join(';');
}

/** A dictionary key takes lower case only; a name that is none is made one and told in full by a parameter. */
function toKey(name: string): string {
  if (KEY_PATTERN.test(name) && name.length <= TEXT_LENGTH_MAX) return name;
  const lowered = name
    .toLowerCase()
    .slice(0, TEXT_LENGTH_MAX)
    .replace(/[^a-z0-9_.*-]/g, '_');
  return KEY_PATTERN.test(lowered) ? lowered : `_${lowered}`.replace(/^_/, 'x_');
}

function formatBareItem(value: unknown): string {
  if (typeof value === 'boolean') return value ? '?1' : '?0';
  if (typeof value === 'number') return formatNumber(value);
  return formatText(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Integers of up to 15 digits and decimals of three; what needs more digits is told as a string. */
function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) <= INTEGER_MAX) return value === 0 ? '0' : String(value);
  const rounded = Math.round(value * 1000) / 1000;
  return rounded === value && Math.abs(value) < 1e12 ? String(value) : formatText(String(value));
}

/** A String, or where the text is not ASCII a Display String with its bytes percent-encoded. */
function formatText(text: string): string {
  const cut = text.slice(0, TEXT_LENGTH_MAX);
  if (/^[\x20-\x7e]*$/.test(cut)) return `"${cut.replace(/["\\]/g, '\\$&')}"`;
  const bytes = [...Buffer.from(cut.toWellFormed(), 'utf8')].map((byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x25 || byte === 0x22
      ? `%${byte.toString(16).padStart(2, '0')}`
      : String.fromCharCode(byte),
  );
  return `%"${bytes.join('')}"`;
}
