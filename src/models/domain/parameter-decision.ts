import { isOfType, maxItemsOf, type ParameterBaseline } from './constrained-parameters.js';
import type { ParameterConstraint } from './parameter-constraint.js';
import { boundsViolation, isAllowed, isSameValue } from './parameter-value.js';
import {
  allowedValuesViolation,
  listViolation,
  rangeViolation,
  typeViolation,
  unsupportedViolation,
  type ParameterViolation,
} from './parameter-violation.js';

/** What becomes of one offered value, looked at alone. */
export type Decision =
  | { outcome: 'kept' | 'dropped' | 'omitted' | 'warned' }
  | { outcome: 'clamped'; value: number }
  | { outcome: 'refused'; violations: ParameterViolation[] };

export interface DecisionInput {
  /** The name under which the caller sent the value. */
  offeredAs: string;
  value: unknown;
  constraint: ParameterConstraint | undefined;
  baseline: ParameterBaseline;
  /** Whether the caller asked for unsupported parameters to be dropped. */
  isDropRequested: boolean;
}

const KEPT: Decision = { outcome: 'kept' };

/** Support, type, range and allowed values of one parameter, under its policy. A value of the wrong type is never merely warned about. */
export function decideParameter(input: DecisionInput): Decision {
  const { offeredAs, value, constraint, baseline, isDropRequested } = input;
  const policy = constraint?.onViolation ?? 'reject';
  const isUnsupported = !isSupported(constraint, baseline);
  if (isUnsupported) {
    if (isSameValue(value, effectiveDefault(constraint, baseline))) return { outcome: 'omitted' };
    if (isDropRequested || policy === 'drop') return { outcome: 'dropped' };
    if (policy !== 'warn')
      return { outcome: 'refused', violations: [unsupportedViolation(offeredAs, value, constraint)] };
  }
  const type = constraint?.type ?? baseline.type;
  if (!isOfType(value, type)) {
    if (policy === 'drop') return { outcome: 'dropped' };
    return { outcome: 'refused', violations: [typeViolation(offeredAs, value, type)] };
  }
  const unbounded = valueViolations(offeredAs, value, boundsFor(constraint, baseline));
  const violations = constraint ? valueViolations(offeredAs, value, constraint) : [];
  if (violations.length === 0 && unbounded.length === 0) return isUnsupported ? { outcome: 'warned' } : KEPT;
  if (policy === 'drop') return { outcome: 'dropped' };
  if (policy === 'clamp' && constraint && typeof value === 'number') {
    const clamped = clamp(value, constraint, type === 'integer');
    if (!boundsViolation(clamped, baseline) && valueViolations(offeredAs, clamped, constraint).length === 0) {
      return { outcome: 'clamped', value: clamped };
    }
  }
  // Without the baseline's bounds the price of a request has none, nor what is kept of it, so no policy lets a value pass them.
  if (policy === 'warn' && unbounded.length === 0) return { outcome: 'warned' };
  return { outcome: 'refused', violations: violations.length > 0 ? violations : unbounded };
}

/**
 * A check, made once, that is true of a value exactly when `decideParameter` keeps it as it is. Null where no value is: the parameter is not
 * supported.
 */
export function plainValueCheck(
  constraint: ParameterConstraint | undefined,
  baseline: ParameterBaseline,
): ((value: unknown) => boolean) | null {
  if (!isSupported(constraint, baseline)) return null;
  const type = constraint?.type ?? baseline.type;
  const { allowedValues } = constraint ?? {};
  const maxItems = Math.min(boundsFor(constraint, baseline).maxItems ?? Infinity, constraint?.maxItems ?? Infinity);
  const maxItemLength = Math.min(baseline.maxItemLength ?? Infinity, constraint?.maxItemLength ?? Infinity);
  if (type === 'number' || type === 'integer') {
    // One number is one item, and has no length.
    const low = Math.max(baseline.min ?? -Infinity, constraint?.min ?? -Infinity);
    const high = Math.min(baseline.max ?? Infinity, constraint?.max ?? Infinity);
    const { exclusiveMin: above = -Infinity, exclusiveMax: below = Infinity } = constraint ?? {};
    const isWithin = (value: number): boolean =>
      value >= low &&
      value <= high &&
      value > above &&
      value < below &&
      (allowedValues === undefined || allowedValues.includes(value));
    return type === 'integer'
      ? (value) => Number.isSafeInteger(value) && isWithin(value as number)
      : (value) => typeof value === 'number' && isWithin(value);
  }
  return (value) =>
    isOfType(value, type) &&
    (allowedValues === undefined || isAllowed(value, allowedValues)) &&
    (maxItems === Infinity || countItems(value) <= maxItems) &&
    (maxItemLength === Infinity || longestItem(value) <= maxItemLength);
}

/** What no policy of a model's lets a value pass. */
function boundsFor(constraint: ParameterConstraint | undefined, baseline: ParameterBaseline): ParameterBaseline {
  const maxItems = maxItemsOf(baseline, constraint?.maxItems);
  return maxItems === baseline.maxItems || maxItems === undefined ? baseline : { ...baseline, maxItems };
}

/** The value that holds upstream when the parameter is absent, where that is known. */
export function effectiveDefault(constraint: ParameterConstraint | undefined, baseline: ParameterBaseline): unknown {
  return constraint?.default ?? baseline.default;
}

function isSupported(constraint: ParameterConstraint | undefined, baseline: ParameterBaseline): boolean {
  return constraint ? constraint.supported || constraint.alternativeName !== undefined : baseline.isExtension !== true;
}

function valueViolations(
  offeredAs: string,
  value: unknown,
  constraint: ParameterConstraint | ParameterBaseline,
): ParameterViolation[] {
  const { allowedValues, maxItems, maxItemLength, reason }: Partial<ParameterConstraint> = constraint;
  const violations: ParameterViolation[] = [];
  if (boundsViolation(value, constraint))
    violations.push(rangeViolation(offeredAs, value, boundsOf(constraint), reason));
  if (allowedValues && !isAllowed(value, allowedValues)) {
    violations.push(allowedValuesViolation(offeredAs, value, allowedValues, reason));
  }
  if (maxItems !== undefined && countItems(value) > maxItems) {
    violations.push(listViolation('max_items', offeredAs, value, { limit: maxItems, reason }));
  }
  if (maxItemLength !== undefined && longestItem(value) > maxItemLength) {
    violations.push(listViolation('max_item_length', offeredAs, value, { limit: maxItemLength, reason }));
  }
  return violations;
}

function boundsOf(bounds: Pick<ParameterConstraint, 'min' | 'max' | 'exclusiveMin' | 'exclusiveMax'>): {
  min?: number;
  max?: number;
  exclusiveMin?: number;
  exclusiveMax?: number;
} {
  const { min, max, exclusiveMin, exclusiveMax } = bounds;
  return {
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(exclusiveMin !== undefined && { exclusiveMin }),
    ...(exclusiveMax !== undefined && { exclusiveMax }),
  };
}

function countItems(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 1;
}

function longestItem(value: unknown): number {
  const items = itemsOf(value);
  return items.reduce<number>((longest, item) => Math.max(longest, typeof item === 'string' ? item.length : 0), 0);
}

/** Of an object both what stands in it and what it stands under, as it is sent. */
function itemsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value !== 'object' || value === null) return [value];
  return Object.entries(value).flatMap(([key, member]) => [key, JSON.stringify(member)]);
}

/** The nearest admitted number; of two equally near ones the lower. */
function clamp(value: number, constraint: ParameterConstraint, isInteger: boolean): number {
  const allowed = constraint.allowedValues?.filter((candidate) => typeof candidate === 'number');
  if (allowed && allowed.length > 0) {
    return allowed.reduce((best, candidate) => {
      const difference = Math.abs(candidate - value) - Math.abs(best - value);
      return difference < 0 || (difference === 0 && candidate < best) ? candidate : best;
    });
  }
  const { min, max, exclusiveMin, exclusiveMax } = constraint;
  const low = Math.max(
    min ?? -Infinity,
    isInteger && exclusiveMin !== undefined ? Math.floor(exclusiveMin) + 1 : -Infinity,
  );
  const high = Math.min(
    max ?? Infinity,
    isInteger && exclusiveMax !== undefined ? Math.ceil(exclusiveMax) - 1 : Infinity,
  );
  const nearest = Math.min(Math.max(value, low), high);
  if (!isInteger) return nearest;
  return nearest === low ? Math.ceil(nearest) : Math.floor(nearest);
}
