import type { ParameterConstraint } from './parameter-constraint.js';
import type { ParameterType } from './constrained-parameters.js';
import { formatRange } from './parameter-value.js';

/** Which rule a parameter breaks. */
export type ViolationRule =
  | 'unsupported'
  | 'type'
  | 'range'
  | 'allowed_values'
  | 'max_items'
  | 'max_item_length'
  | 'mutually_exclusive'
  | 'conflicting_names'
  | 'condition';

/** One refusal as the caller reads it. `parameter` is always a name that the caller sent. */
export interface ParameterViolation {
  parameter: string;
  value: unknown;
  rule: ViolationRule;
  range?: { min?: number; max?: number; exclusiveMin?: number; exclusiveMax?: number };
  allowedValues?: readonly unknown[];
  type?: ParameterType;
  /** The largest number of items, or characters of one item, for `max_items` and `max_item_length`. */
  limit?: number;
  /** The other parameter of a relation. */
  conflictsWith?: string;
  reason: string;
  suggestion: string;
}

/** What was changed on the way to the provider, named in `X-Parameters-Applied`. */
export interface AppliedChange {
  parameter: string;
  action: 'renamed' | 'dropped' | 'clamped' | 'defaulted' | 'warned' | 'omitted' | 'redirected' | 'preferred';
  /** The name sent in its place, for `renamed`; the model called in its place, for `redirected`. */
  to?: string;
  /** The value sent, for `clamped`, `defaulted` and `preferred`; for a dropped preference the one that was not sent. */
  value?: unknown;
  /** The value asked for, for `clamped`. */
  from?: unknown;
  /** Not the caller's own: a preference of the user. */
  isPreference?: boolean;
}

/** How much of an offending value is repeated in an answer. */
const ECHO_LENGTH_MAX = 200;

function echo(value: unknown): unknown {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= ECHO_LENGTH_MAX ? value : `${text.slice(0, ECHO_LENGTH_MAX)}…`;
}

export function unsupportedViolation(
  parameter: string,
  value: unknown,
  constraint?: ParameterConstraint,
): ParameterViolation {
  return {
    parameter,
    value: echo(value),
    rule: 'unsupported',
    reason: constraint?.reason ?? `This model does not support ${parameter}.`,
    suggestion: `Remove ${parameter}, or send the header X-Unsupported-Parameters: drop.`,
  };
}

export function typeViolation(parameter: string, value: unknown, type: ParameterType): ParameterViolation {
  const noun =
    type === 'string|string[]' ? 'a string or a list of strings' : `${/^[aeio]/.test(type) ? 'an' : 'a'} ${type}`;
  return {
    parameter,
    value: echo(value),
    rule: 'type',
    type,
    reason: `${parameter} must be ${noun}.`,
    suggestion: `Send ${parameter} as ${noun}, or leave it out.`,
  };
}

export function rangeViolation(
  parameter: string,
  value: unknown,
  bounds: NonNullable<ParameterViolation['range']>,
  reason?: string,
): ParameterViolation {
  const text = formatRange(bounds);
  return {
    parameter,
    value: echo(value),
    rule: 'range',
    range: bounds,
    reason: reason ?? `${parameter} must be ${text}.`,
    suggestion: `Use a value that is ${text}, or leave ${parameter} out.`,
  };
}

export function allowedValuesViolation(
  parameter: string,
  value: unknown,
  allowedValues: readonly unknown[],
  reason?: string,
): ParameterViolation {
  const list = allowedValues.map((allowed) => JSON.stringify(allowed)).join(', ');
  return {
    parameter,
    value: echo(value),
    rule: 'allowed_values',
    allowedValues,
    reason: reason ?? `${parameter} must be ${allowedValues.length === 1 ? '' : 'one of '}${list}.`,
    suggestion: `Use ${allowedValues.length === 1 ? list : `one of ${list}`}, or leave ${parameter} out.`,
  };
}

export function listViolation(
  rule: 'max_items' | 'max_item_length',
  parameter: string,
  value: unknown,
  { limit, reason }: { limit: number; reason?: string | undefined },
): ParameterViolation {
  const text = rule === 'max_items' ? `at most ${limit} items` : `items of at most ${limit} characters`;
  return {
    parameter,
    value: echo(value),
    rule,
    limit,
    reason: reason ?? `${parameter} takes ${text}.`,
    suggestion: `Send ${text}.`,
  };
}

export function namesViolation(parameter: string, value: unknown, other: string): ParameterViolation {
  return {
    parameter,
    value: echo(value),
    rule: 'conflicting_names',
    conflictsWith: other,
    reason: `${parameter} and ${other} mean the same here and were sent with different values.`,
    suggestion: `Send only ${other}.`,
  };
}

export function exclusionViolation(
  parameter: string,
  value: unknown,
  other: string,
  reason?: string,
): ParameterViolation {
  return {
    parameter,
    value: echo(value),
    rule: 'mutually_exclusive',
    conflictsWith: other,
    reason: reason ?? `${parameter} and ${other} cannot be used together with this model.`,
    suggestion: `Remove ${parameter} or ${other}.`,
  };
}

export function conditionViolation(
  parameter: string,
  value: unknown,
  condition: { parameter: string; in: readonly unknown[] },
  reason?: string,
): ParameterViolation {
  const list = condition.in.map((allowed) => JSON.stringify(allowed)).join(' or ');
  return {
    parameter,
    value: echo(value),
    rule: 'condition',
    conflictsWith: condition.parameter,
    reason: reason ?? `${parameter} works only while ${condition.parameter} is ${list}.`,
    suggestion: `Remove ${parameter}, or set ${condition.parameter} to ${list}.`,
  };
}
