import { formatPath } from './document-issue.js';
import { isSameValue } from './parameter-value.js';

/** One place where two documents differ. A side that has nothing there lacks its member. */
export interface DocumentChange {
  path: string;
  before?: unknown;
  after?: unknown;
}

/** Where two JSON documents differ, in the order of their keys. Lists are compared whole: their members have no names to follow. */
export function diffDocuments(before: unknown, after: unknown, path: readonly string[] = []): DocumentChange[] {
  if (isSameValue(before, after)) return [];
  if (!isRecord(before) || !isRecord(after)) {
    return [
      {
        path: formatPath(path),
        ...(before !== undefined && { before }),
        ...(after !== undefined && { after }),
      },
    ];
  }
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => diffDocuments(own(before, key), own(after, key), [...path, key]));
}

function own(record: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
