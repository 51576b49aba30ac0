import { createHash } from 'node:crypto';
import { IfMatchRequiredError, StaleEtagError } from '../errors/common.errors.js';

/** 132 bits: no two states of a resource meet by chance. */
const DIGEST_LENGTH = 22;

/** A strong validator of the given state, quotes included. The state must name its members in a fixed order. */
export function etagOf(state: unknown): string {
  return `"${createHash('sha256').update(JSON.stringify(state)).digest('base64url').slice(0, DIGEST_LENGTH)}"`;
}

/**
 * Refuses a change by someone who has not seen the present state. A weak validator never matches (RFC 9110, 13.1.1); `*` always does.
 * @throws IfMatchRequiredError, StaleEtagError
 */
export function assertIfMatch(header: string | undefined, etag: string): void {
  const wanted = header?.trim();
  if (!wanted) throw new IfMatchRequiredError(etag);
  if (wanted !== '*' && !listed(wanted).includes(etag)) throw new StaleEtagError(etag);
}

/** Whether the caller already has this state, so that 304 is the answer. Here the weak comparison applies. */
export function isNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || listed(header).some((candidate) => candidate.replace(/^W\//, '') === etag);
}

function listed(header: string): string[] {
  return header.split(',').map((candidate) => candidate.trim());
}
