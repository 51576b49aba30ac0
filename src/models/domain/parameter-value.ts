import type { ParameterConstraint } from './parameter-constraint.js';

type Bounds = Pick<ParameterConstraint, 'min' | 'max' | 'exclusiveMin' | 'exclusiveMax'>;

/** Deep equality of JSON values; the order of an object's keys does not matter. */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) && isSameValue((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}

export function isAllowed(value: unknown, allowedValues: readonly unknown[]): boolean {
  return allowedValues.some((allowed) => isSameValue(allowed, value));
}

/** Whether a number lies outside the bounds. What is no number has no bounds. */
export function boundsViolation(value: unknown, { min, max, exclusiveMin, exclusiveMax }: Bounds): boolean {
  if (typeof value !== 'number') return false;
  return (
    (min !== undefined && value < min) ||
    (max !== undefined && value > max) ||
    (exclusiveMin !== undefined && value <= exclusiveMin) ||
    (exclusiveMax !== undefined && value >= exclusiveMax)
  );
}

/** A range in words, as an end user reads it: `0 to 1`, `above 0 to 2`, `at least 1`. */
export function formatRange({ min, max, exclusiveMin, exclusiveMax }: Bounds): string {
  const low = exclusiveMin !== undefined ? `above ${exclusiveMin}` : min !== undefined ? `${min}` : undefined;
  const high = exclusiveMax !== undefined ? `below ${exclusiveMax}` : max !== undefined ? `${max}` : undefined;
  if (low !== undefined && high !== undefined) return `${low} to ${high}`;
  if (low !== undefined) return exclusiveMin !== undefined ? low : `at least ${low}`;
  return exclusiveMax !== undefined ? (high ?? '') : `at most ${high ?? ''}`;
}
