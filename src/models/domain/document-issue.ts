import type { z } from 'zod';

/** One fault of a stored document: where, as a path of keys and positions, and what is wrong with it. */
export interface DocumentIssue {
  path: (string | number)[];
  message: string;
}

/** A path as people write it: `meta.parameterRules[0].unless`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

/** What Zod found in a document, in the words of this API: which member, what it must be, and a member that nobody knows under its own name. */
export function readIssues(issues: readonly z.core.$ZodIssue[]): DocumentIssue[] {
  return issues.flatMap((issue) => {
    const path = issue.path as (string | number)[];
    if (issue.code !== 'unrecognized_keys') return [{ path, message: messageOf(issue) }];
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: 'is not known here; docs/models.md lists the keys',
    }));
  });
}

const TYPES: Readonly<Partial<Record<string, string>>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

/** Zod's own sentences; a schema that has one of its own keeps it. */
const ZODS_OWN = /^(?:Invalid|Too) /;

function messageOf(issue: z.core.$ZodIssue): string {
  const { message } = issue;
  if (!ZODS_OWN.test(message)) return message;
  if (issue.code === 'invalid_type') {
    if (message.endsWith('received undefined')) return 'is required';
    return `must be ${TYPES[issue.expected] ?? `of the type ${issue.expected}`}`;
  }
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'too_small') return `must ${bound('at least', issue.minimum, issue.origin)}`;
  if (issue.code === 'too_big') return `must ${bound('at most', issue.maximum, issue.origin)}`;
  if (issue.code === 'invalid_format' && issue.format === 'date') return 'must be a day such as 2026-05-10';
  return message;
}

function bound(side: string, limit: number | bigint, origin: string): string {
  const units: Record<string, string> = { string: 'characters', array: 'items' };
  return origin in units ? `have ${side} ${limit} ${units[origin]}` : `be ${side} ${limit}`;
}
