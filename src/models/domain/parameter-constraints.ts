import {
  CONSTRAINED_PARAMETERS,
  OUTPUT_LIMITS,
  PARAMETER_BASELINES,
  isConstrainedParameter,
  type ConstrainedParameter,
} from './constrained-parameters.js';
import type { ParameterConstraint, ParameterConstraints, ParameterRule } from './parameter-constraint.js';
import { decideParameter } from './parameter-decision.js';
import { applyRelations, type Exclusion, type OfferedParameter } from './parameter-relations.js';
import { isSameValue } from './parameter-value.js';
import { namesViolation, type AppliedChange, type ParameterViolation } from './parameter-violation.js';

export interface ResolveOptions {
  /** What the caller asked for with `X-Unsupported-Parameters`. The default is `reject`. */
  unsupported?: 'reject' | 'drop';
  /** The output limit to send where neither the caller nor the model's constraints name one. */
  outputTokensDefault?: number;
}

export interface Resolution {
  /** What goes to the provider. A parameter with a violation is not among it. */
  parameters: Record<string, unknown>;
  /** Every change on the way, for `X-Parameters-Applied`. */
  applied: AppliedChange[];
  /** Every refusal at once; empty when the request may pass. */
  violations: ParameterViolation[];
  /** Under which name the output limit is sent, and how large it is in tokens per choice. */
  outputLimit: { parameter: string; tokens: number } | null;
}

/**
 * A request's parameters against a model's constraints: null is dropped, then names, support, type, range, allowed values, relations, and
 * last the default of the output limit, the only default that is sent. Fields that cannot be constrained pass as they are.
 */
export function resolveParameters(
  constraints: ParameterConstraints,
  rules: readonly ParameterRule[],
  requested: Readonly<Record<string, unknown>>,
  options: ResolveOptions = {},
): Resolution {
  const plan = planOf(constraints);
  const isDropRequested = options.unsupported === 'drop';
  const { passed, offered, applied, violations, refused } = renameAll(plan, requested);

  for (const [name, parameter] of offered) {
    const decision = decideParameter({
      ...parameter,
      constraint: plan.governing.get(name),
      baseline: PARAMETER_BASELINES[name as ConstrainedParameter],
      isDropRequested,
    });
    switch (decision.outcome) {
      case 'kept':
        break;
      case 'clamped':
        applied.push({ parameter: name, action: 'clamped', value: decision.value, from: parameter.value });
        parameter.value = decision.value;
        break;
      case 'warned':
        applied.push({ parameter: name, action: 'warned' });
        break;
      case 'dropped':
      case 'omitted':
        applied.push({ parameter: name, action: decision.outcome });
        offered.delete(name);
        break;
      case 'refused':
        violations.push(...decision.violations);
        refused.add(name);
    }
  }

  const governing = (name: string): ParameterConstraint | undefined => plan.governing.get(name);
  const related = applyRelations(offered, { exclusions: plan.exclusions, rules, governing, isDropRequested });
  applied.push(...related.applied);
  violations.push(...related.violations);

  const parameters = new Map(passed);
  for (const [name, { value }] of offered) {
    if (!refused.has(name) && !related.refused.has(name)) parameters.set(name, value);
  }
  const outputLimit = limitOutput(plan, parameters, {
    applied,
    isRefused: OUTPUT_LIMITS.some((name) => refused.has(name)),
    options,
  });
  return { parameters: Object.fromEntries(parameters), applied, violations, outputLimit };
}

/** What a constraint document says once and for all requests. */
interface Plan {
  /** The name a parameter is sent under. Only names that change are in it. */
  sentAs: ReadonlyMap<string, ConstrainedParameter>;
  governing: ReadonlyMap<string, ParameterConstraint>;
  exclusions: readonly Exclusion[];
}

/** Documents are replaced, never changed in place, so each is planned once. */
const plans = new WeakMap<ParameterConstraints, Plan>();

function planOf(constraints: ParameterConstraints): Plan {
  const known = plans.get(constraints);
  if (known) return known;
  const sentAs = new Map<string, ConstrainedParameter>();
  for (const name of CONSTRAINED_PARAMETERS) {
    const target = finalName(name, constraints);
    if (target !== name) sentAs.set(name, target);
  }
  const governing = new Map<string, ParameterConstraint>();
  for (const name of CONSTRAINED_PARAMETERS) {
    const constraint = constraints[name];
    if (!constraint) continue;
    const target = sentAs.get(name) ?? name;
    if (target === name || constraints[target] === undefined) governing.set(target, constraint);
  }
  const plan = { sentAs, governing, exclusions: exclusionsOf(constraints, sentAs) };
  plans.set(constraints, plan);
  return plan;
}

/** Follows renames to their end. The two names of the output limit are one quantity: a model that lists only one is sent that one. */
function finalName(name: ConstrainedParameter, constraints: ParameterConstraints): ConstrainedParameter {
  let current: ConstrainedParameter = name;
  for (let steps = 0; steps < CONSTRAINED_PARAMETERS.length; steps++) {
    const target = constraints[current]?.alternativeName;
    if (target === undefined || !isConstrainedParameter(target)) break;
    current = target;
  }
  if (current !== name || constraints[name] !== undefined) return current;
  const [older, newer] = OUTPUT_LIMITS;
  const twin = name === older ? newer : name === newer ? older : undefined;
  const listed = twin && constraints[twin];
  return listed?.supported && listed.alternativeName === undefined ? twin! : current;
}

/** Each exclusion once, however many of the two say it. */
function exclusionsOf(constraints: ParameterConstraints, sentAs: ReadonlyMap<string, string>): Exclusion[] {
  const pairs = new Map<string, Exclusion>();
  for (const name of CONSTRAINED_PARAMETERS) {
    const constraint = constraints[name];
    for (const excluded of constraint?.mutuallyExclusiveWith ?? []) {
      const parameter = sentAs.get(name) ?? name;
      const other = sentAs.get(excluded) ?? excluded;
      const key = [parameter, other].sort().join(' ');
      if (constraint && parameter !== other && !pairs.has(key)) pairs.set(key, { parameter, other, constraint });
    }
  }
  return [...pairs.values()];
}

interface Renamed {
  passed: [string, unknown][];
  offered: Map<string, OfferedParameter>;
  applied: AppliedChange[];
  violations: ParameterViolation[];
  refused: Set<string>;
}

/** Drops null, which every one of these fields allows and which means absent, and puts each parameter under the name it is sent as. */
function renameAll(plan: Plan, requested: Readonly<Record<string, unknown>>): Renamed {
  const result: Renamed = { passed: [], offered: new Map(), applied: [], violations: [], refused: new Set() };
  const bothLimits = OUTPUT_LIMITS.every((name) => requested[name] !== undefined && requested[name] !== null);
  for (const [name, value] of Object.entries(requested)) {
    if (value === null || value === undefined) continue;
    if (!isConstrainedParameter(name)) {
      result.passed.push([name, value]);
      continue;
    }
    let target = plan.sentAs.get(name) ?? name;
    if (bothLimits && target === 'max_tokens')
      target = plan.sentAs.get('max_completion_tokens') ?? 'max_completion_tokens';
    offer(result, { name, target, value });
  }
  return result;
}

function offer(
  { offered, applied, violations, refused }: Renamed,
  given: { name: string; target: string; value: unknown },
): void {
  const { name, target, value } = given;
  const earlier = offered.get(target);
  if (earlier && !isSameValue(earlier.value, value)) {
    const [alias, kept] = name === target ? [earlier.offeredAs, name] : [name, earlier.offeredAs];
    violations.push(namesViolation(alias, alias === name ? value : earlier.value, kept));
    refused.add(target);
  }
  if (!earlier || name === target) offered.set(target, { offeredAs: name, value });
  if (name !== target) applied.push({ parameter: name, action: 'renamed', to: target });
}

/** Whether a governing constraint lets a value be sent; one that only renames does, whatever it says of the old name. */
function isOffered(constraint: ParameterConstraint | undefined): boolean {
  return constraint !== undefined && (constraint.supported || constraint.alternativeName !== undefined);
}

/** The output limit that goes upstream: the caller's, else the constraint's default, else the server's, never above the constraint's maximum. */
function limitOutput(
  plan: Plan,
  parameters: Map<string, unknown>,
  { applied, isRefused, options }: { applied: AppliedChange[]; isRefused: boolean; options: ResolveOptions },
): Resolution['outputLimit'] {
  const given = OUTPUT_LIMITS.find((name) => typeof parameters.get(name) === 'number');
  if (given) return { parameter: given, tokens: parameters.get(given) as number };
  if (isRefused) return null;
  const listed = OUTPUT_LIMITS.filter((name) => isOffered(plan.governing.get(name)));
  const parameter = listed[0] ?? OUTPUT_LIMITS.find((name) => !plan.governing.has(name) && !plan.sentAs.has(name));
  if (parameter === undefined) return null;
  const constraint = plan.governing.get(parameter);
  const fallback = options.outputTokensDefault;
  const tokens =
    typeof constraint?.default === 'number'
      ? constraint.default
      : fallback === undefined
        ? undefined
        : Math.max(Math.min(fallback, constraint?.max ?? fallback), constraint?.min ?? 1);
  if (tokens === undefined) return null;
  parameters.set(parameter, tokens);
  applied.push({ parameter, action: 'defaulted', value: tokens });
  return { parameter, tokens };
}
