import type { z } from 'zod';
import type { FieldError } from '../../common/errors/app-error.js';
import { formatPath } from '../../models/domain/document-issue.js';

type Issue = z.core.$ZodIssue;

/** Most fields named in one answer; a body with more faults is not worth a longer list. */
export const FIELD_ERRORS_MAX = 100;

/** How much of a member's name an answer repeats: longer ones are no names, and the caller has them. */
const NAME_LENGTH_MAX = 128;

/** What a member at this path is called, as `messages[0].content[1].text`. */
export function nameOf(path: readonly PropertyKey[]): string {
  const name = formatPath(path);
  return name.length <= NAME_LENGTH_MAX ? name : `${name.slice(0, NAME_LENGTH_MAX)}…`;
}

export interface Faults {
  /** Paths of members that the schema does not know. */
  unknown: PropertyKey[][];
  /** Everything else that is wrong. */
  failed: FieldError[];
}

/** Splits what Zod found into unknown members and failed fields, each with its path. */
export function sortFaults(issues: readonly Issue[]): Faults {
  const faults: Faults = { unknown: [], failed: [] };
  for (const issue of issues) collect(issue, [], faults);
  return faults;
}

function collect(issue: Issue, parent: readonly PropertyKey[], faults: Faults): void {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) faults.unknown.push([...path, key]);
    return;
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branch = likeliestBranch(issue.errors);
    if (branch) {
      for (const inner of branch) collect(inner, path, faults);
      return;
    }
  }
  faults.failed.push({ field: nameOf(path) || 'body', message: describe(issue) });
}

/** What may be wrong with a whole that is nevertheless of the right type. */
const OF_THE_RIGHT_TYPE: ReadonlySet<Issue['code']> = new Set(['unrecognized_keys', 'too_big', 'too_small']);

/** The alternative that what came is nearest to: its type fits, and it has the fewest faults; none when no type fits. */
function likeliestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter((issues) =>
    issues.every((issue) => issue.path.length > 0 || OF_THE_RIGHT_TYPE.has(issue.code)),
  );
  return fitting.toSorted((one, other) => one.length - other.length)[0];
}

function describe(issue: Issue): string {
  if (issue.code === 'invalid_type') {
    return issue.input === undefined ? 'is required' : `must be ${withArticle(issue.expected)}`;
  }
  if (issue.code === 'invalid_value')
    return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
  if (issue.code === 'too_big') return `must have at most ${issue.maximum} ${unitOf(issue.origin)}`;
  if (issue.code === 'too_small') return `must have at least ${issue.minimum} ${unitOf(issue.origin)}`;
  return issue.message;
}

function withArticle(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function unitOf(origin: string): string {
  if (origin === 'string') return 'characters';
  return origin === 'array' ? 'items' : '';
}
