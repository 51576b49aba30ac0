import { withoutRefusedRow } from '../database/database-errors.js';

const REASON_LENGTH_MAX = 2_000;

/** What an error says, fit to be stored and shown: without the row that PostgreSQL refused, without NUL, of bounded length. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return boundedReason(withoutRefusedRow(text));
}

export function boundedReason(text: string): string {
  return text.replaceAll('\0', '').slice(0, REASON_LENGTH_MAX) || 'no reason was given';
}
