import {
  CONSTRAINED_PARAMETERS,
  PARAMETER_BASELINES,
  isConstrainedParameter,
  isOfType,
  isOutputLimit,
  type ConstrainedParameter,
  type ParameterType,
} from './constrained-parameters.js';
import type { DocumentIssue } from './document-issue.js';
import type { ParameterConstraint, ParameterConstraints, ParameterRule } from './parameter-constraint.js';
import { effectiveDefault } from './parameter-decision.js';
import { planOf, type Plan } from './parameter-plan.js';
import { boundsViolation, isAllowed } from './parameter-value.js';

/** What an entry may hold whose target has an entry of its own. */
const RENAME_KEYS = new Set(['supported', 'alternativeName', 'reason']);

const KNOWN = CONSTRAINED_PARAMETERS.join(', ');

/**
 * The faults of a constraint document that its shape alone does not show. An empty answer means that the engine can work with it: every
 * range has a value inside, every default passes its own constraint, every name is known, no rename leads back to itself and every rule has
 * a condition that can be met.
 */
export function constraintDocumentIssues(
  constraints: Readonly<Record<string, ParameterConstraint>>,
  rules: readonly ParameterRule[],
): DocumentIssue[] {
  const issues: DocumentIssue[] = [];
  for (const [name, constraint] of Object.entries(constraints)) {
    const path = ['parameterConstraints', name];
    if (!isConstrainedParameter(name)) {
      issues.push({ path, message: `is no parameter that can be constrained; known are ${KNOWN}` });
      continue;
    }
    const type = constraint.type ?? PARAMETER_BASELINES[name].type;
    const found = [
      ...rangeIssues(constraint, type),
      ...listIssues(constraint, type),
      ...defaultIssues(constraint, type),
      ...exclusionIssues(name, constraint),
      ...renameIssues(name, constraints),
      ...clampIssues(constraint, type),
      ...(isPriced(name) ? pricedIssues(name, constraint) : []),
      ...(constraint.alternativeName === undefined ? baselineIssues(name, constraint) : []),
    ];
    issues.push(...found.map((issue) => ({ ...issue, path: [...path, ...issue.path] })));
  }
  const plan = planOf(constraints as ParameterConstraints);
  return [...issues, ...rules.flatMap((rule, index) => ruleIssues(rule, index, plan))];
}

function rangeIssues(constraint: ParameterConstraint, type: ParameterType): DocumentIssue[] {
  const { min, max, exclusiveMin, exclusiveMax } = constraint;
  const issues: DocumentIssue[] = [];
  const bounds = { min, max, exclusiveMin, exclusiveMax };
  if (type !== 'number' && type !== 'integer') {
    for (const [key, bound] of Object.entries(bounds)) {
      if (bound !== undefined)
        issues.push({ path: [key], message: `applies to numbers only, and the type is ${type}` });
    }
    return issues;
  }
  const low = Math.max(min ?? -Infinity, exclusiveMin ?? -Infinity);
  const high = Math.min(max ?? Infinity, exclusiveMax ?? Infinity);
  const isOpen = low === exclusiveMin || high === exclusiveMax;
  const isEmptyOfIntegers = type === 'integer' && smallestInteger(constraint) > largestInteger(constraint);
  if (low > high || (low === high && isOpen) || isEmptyOfIntegers) {
    issues.push({
      path: [min === undefined ? 'exclusiveMin' : 'min'],
      message: 'the lower bound leaves no value below the upper bound',
    });
  }
  return issues;
}

function smallestInteger({ min, exclusiveMin }: ParameterConstraint): number {
  return Math.max(
    Math.ceil(min ?? -Infinity),
    Math.floor(exclusiveMin ?? -Infinity) + (exclusiveMin === undefined ? 0 : 1),
  );
}

function largestInteger({ max, exclusiveMax }: ParameterConstraint): number {
  return Math.min(
    Math.floor(max ?? Infinity),
    Math.ceil(exclusiveMax ?? Infinity) - (exclusiveMax === undefined ? 0 : 1),
  );
}

function listIssues(constraint: ParameterConstraint, type: ParameterType): DocumentIssue[] {
  const issues: DocumentIssue[] = [];
  constraint.allowedValues?.forEach((value, index) => {
    const path = ['allowedValues', index];
    if (!isOfType(value, type)) issues.push({ path, message: `must be of the type ${type}` });
    else if (boundsViolation(value, constraint))
      issues.push({ path, message: 'must lie inside the range of this constraint' });
  });
  for (const key of ['maxItems', 'maxItemLength'] as const) {
    if (constraint[key] !== undefined && type !== 'string|string[]' && type !== 'object') {
      issues.push({ path: [key], message: `applies to lists only, and the type is ${type}` });
    }
  }
  return issues;
}

function defaultIssues(constraint: ParameterConstraint, type: ParameterType): DocumentIssue[] {
  const { default: value, allowedValues } = constraint;
  if (value === undefined) return [];
  const path = ['default'];
  if (!isOfType(value, type)) return [{ path, message: `must be of the type ${type}` }];
  if (boundsViolation(value, constraint)) return [{ path, message: 'must lie inside the range of this constraint' }];
  if (allowedValues && !isAllowed(value, allowedValues))
    return [{ path, message: 'must be one of the allowed values' }];
  return [];
}

function exclusionIssues(name: string, { mutuallyExclusiveWith = [] }: ParameterConstraint): DocumentIssue[] {
  return mutuallyExclusiveWith.flatMap((other, index): DocumentIssue[] => {
    const path = ['mutuallyExclusiveWith', index];
    if (!isConstrainedParameter(other)) return [{ path, message: `is no known parameter; known are ${KNOWN}` }];
    if (other === name) return [{ path, message: 'a parameter cannot exclude itself' }];
    if (isOutputLimit(name) || isOutputLimit(other)) {
      return [{ path, message: 'the output limit is always sent, so it cannot exclude another parameter' }];
    }
    return [];
  });
}

function renameIssues(
  name: ConstrainedParameter,
  constraints: Readonly<Record<string, ParameterConstraint>>,
): DocumentIssue[] {
  const path = ['alternativeName'];
  const seen = new Set<string>([name]);
  let target = constraints[name]?.alternativeName;
  if (target === undefined) return [];
  if (!isConstrainedParameter(target)) return [{ path, message: `is no known parameter; known are ${KNOWN}` }];
  if (isOutputLimit(name) !== isOutputLimit(target)) {
    return [{ path, message: 'an output limit can only be renamed to an output limit, and nothing else to one' }];
  }
  while (target !== undefined) {
    if (seen.has(target)) return [{ path, message: `renames in a circle: ${[...seen, target].join(' to ')}` }];
    seen.add(target);
    target = constraints[target]?.alternativeName;
  }
  return governanceIssues(name, constraints);
}

/** One wire name is governed by one entry: its own, else that of the single name renamed to it. Two sets of limits could contradict each other. */
function governanceIssues(
  name: ConstrainedParameter,
  constraints: Readonly<Record<string, ParameterConstraint>>,
): DocumentIssue[] {
  const constraint = constraints[name];
  const target = constraint?.alternativeName;
  if (constraint === undefined || target === undefined) return [];
  const others = Object.keys(constraints).filter(
    (other) => other !== name && constraints[other]?.alternativeName === target,
  );
  if (constraints[target] === undefined) {
    if (others.length === 0) return [];
    return [
      {
        path: ['alternativeName'],
        message: `${[name, ...others].join(' and ')} are both renamed to ${target}, which needs an entry of its own`,
      },
    ];
  }
  if (!constraints[target].supported) {
    return [{ path: ['alternativeName'], message: `names ${target}, which is not supported` }];
  }
  return Object.keys(constraint)
    .filter((key) => !RENAME_KEYS.has(key))
    .map((key) => ({ path: [key], message: `belongs in the entry of ${target}, to which ${name} is renamed` }));
}

/** Whether the parameter multiplies what a request may cost, so that the hold has to know its value. */
function isPriced(name: ConstrainedParameter): boolean {
  return PARAMETER_BASELINES[name].min !== undefined;
}

/** What a hold multiplies by is a whole number of at least one, whatever a document says; the output limit is also sent unasked. */
function pricedIssues(name: ConstrainedParameter, constraint: ParameterConstraint): DocumentIssue[] {
  const issues: DocumentIssue[] = [];
  const { min: least = 1 } = PARAMETER_BASELINES[name];
  if (constraint.type !== undefined && constraint.type !== 'integer') {
    issues.push({ path: ['type'], message: 'must be integer: the cost of a request depends on it' });
  }
  for (const key of ['min', 'max', 'default'] as const) {
    const value = constraint[key];
    if (typeof value !== 'number') continue;
    if (value < least) issues.push({ path: [key], message: `must be at least ${least}` });
    // The bounds of the output limit are sent where nobody names one.
    if (!Number.isInteger(value)) issues.push({ path: [key], message: 'must be a whole number' });
  }
  if (!isOutputLimit(name)) return issues;
  for (const key of ['exclusiveMin', 'exclusiveMax', 'allowedValues'] as const) {
    if (constraint[key] !== undefined)
      issues.push({ path: [key], message: 'does not apply to an output limit; use min and max' });
  }
  return issues;
}

/** What no model's word lets a request have (see `PARAMETER_BASELINES`) would be advised and then refused. */
function baselineIssues(name: ConstrainedParameter, constraint: ParameterConstraint): DocumentIssue[] {
  const { max = Infinity, maxItemLength = Infinity, ...bounds } = PARAMETER_BASELINES[name];
  const issues: DocumentIssue[] = [];
  constraint.allowedValues?.forEach((value, index) => {
    if (boundsViolation(value, { max, min: bounds.min }) || (typeof value === 'string' && value.length > maxItemLength))
      issues.push({ path: ['allowedValues', index], message: 'is beyond what any model may take' });
  });
  const { min = -Infinity, exclusiveMin = -Infinity } = constraint;
  if (min > max) issues.push({ path: ['min'], message: `must be at most ${max}, beyond which nothing is taken` });
  if (exclusiveMin >= max)
    issues.push({ path: ['exclusiveMin'], message: `must be below ${max}, beyond which nothing is taken` });
  return issues;
}

function clampIssues(constraint: ParameterConstraint, type: ParameterType): DocumentIssue[] {
  if (constraint.onViolation !== 'clamp') return [];
  const path = ['onViolation'];
  const isBounded =
    constraint.min !== undefined || constraint.max !== undefined || constraint.allowedValues !== undefined;
  if (type === 'number' && (constraint.exclusiveMin !== undefined || constraint.exclusiveMax !== undefined)) {
    return [{ path, message: 'clamp needs bounds that are themselves allowed; these are exclusive' }];
  }
  if (type !== 'number' && type !== 'integer') {
    return [{ path, message: `clamp applies to numbers only, and the type is ${type}` }];
  }
  const isIntegerBounded = constraint.exclusiveMin !== undefined || constraint.exclusiveMax !== undefined;
  if (!isBounded && !isIntegerBounded) return [{ path, message: 'clamp needs a bound or allowed values' }];
  return [];
}

function ruleIssues(rule: ParameterRule, index: number, plan: Plan): DocumentIssue[] {
  const path = ['parameterRules', index];
  const issues: DocumentIssue[] = [];
  rule.parameters.forEach((name, position) => {
    const at = [...path, 'parameters', position];
    if (!isConstrainedParameter(name)) issues.push({ path: at, message: `is no known parameter; known are ${KNOWN}` });
    else if (isOutputLimit(name))
      issues.push({ path: at, message: 'the output limit is always sent, so it cannot depend on another parameter' });
    else if (name === rule.unless.parameter) issues.push({ path: at, message: 'a parameter cannot depend on itself' });
    else issues.push(...renamedIssues(name, at, plan));
  });
  const { parameter: condition, in: values } = rule.unless;
  const at = [...path, 'unless', 'parameter'];
  if (!isConstrainedParameter(condition)) {
    return [...issues, { path: at, message: `is no known parameter; known are ${KNOWN}` }];
  }
  const renamed = renamedIssues(condition, at, plan);
  if (renamed.length > 0) return [...issues, ...renamed];
  if (values.some((value) => canBe(condition, value, plan))) return issues;
  return [...issues, { path: [...path, 'unless', 'in'], message: `holds no value that ${condition} can have here` }];
}

/** Rules are looked at after names were changed, so that one about an older name would never be met. */
function renamedIssues(name: ConstrainedParameter, path: DocumentIssue['path'], { sentAs }: Plan): DocumentIssue[] {
  const target = sentAs.get(name);
  return target === undefined ? [] : [{ path, message: `is sent as ${target}, which the rule has to name` }];
}

/** Whether a request can have this value in force, sent or as what holds where it is left out. */
function canBe(name: ConstrainedParameter, value: unknown, { governing }: Plan): boolean {
  const constraint = governing.get(name);
  const baseline = PARAMETER_BASELINES[name];
  if (constraint?.onViolation === 'warn' || value === effectiveDefault(constraint, baseline)) return true;
  if (constraint ? !constraint.supported : baseline.isExtension) return false;
  if (!isOfType(value, constraint?.type ?? baseline.type) || boundsViolation(value, baseline)) return false;
  return (
    !constraint ||
    (!boundsViolation(value, constraint) &&
      (constraint.allowedValues === undefined || isAllowed(value, constraint.allowedValues)))
  );
}
