import { createHash } from 'node:crypto';
import type { OlderAnalysis } from '../domain/older-analysis.js';

/**
 * The id of an analysis that came without one, a UUIDv7 of its time whose rest is a digest of all that is said of it: read again, it is the same
 * one, and among others it stands where it was made.
 */
export function idFor(analysis: OlderAnalysis): string {
  const said = JSON.stringify(analysis, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  const digest = createHash('sha256').update(said).digest('hex');
  const time = analysis.createdAt.getTime().toString(16).padStart(12, '0');
  const variant = (8 + (parseInt(digest.slice(3, 4), 16) % 4)).toString(16);
  const rest = [`7${digest.slice(0, 3)}`, `${variant}${digest.slice(4, 7)}`, digest.slice(7, 19)];
  return [time.slice(0, 8), time.slice(8), ...rest].join('-');
}
