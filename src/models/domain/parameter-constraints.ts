import {
  OUTPUT_LIMITS,
  PARAMETER_BASELINES,
  isConstrainedParameter,
  type ConstrainedParameter,
} from './constrained-parameters.js';
import type { ParameterConstraint, ParameterConstraints, ParameterRule } from './parameter-constraint.js';
import { decideParameter } from './parameter-decision.js';
import { defaultLimit, planOf, type Plan } from './parameter-plan.js';
import { applyRelations, type OfferedParameter } from './parameter-relations.js';
import { resolvePlainly } from './parameter-shortcut.js';
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
  return resolvePlainly(plan, rules, requested, options) ?? resolveStepByStep(plan, rules, requested, options);
}

/** The whole engine, for requests of which anything has to be changed, dropped or refused. */
export function resolveStepByStep(
  plan: Plan,
  rules: readonly ParameterRule[],
  requested: Readonly<Record<string, unknown>>,
  options: ResolveOptions,
): Resolution {
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

/** The output limit that goes upstream: the caller's, else the default of the model or the server. */
function limitOutput(
  plan: Plan,
  parameters: Map<string, unknown>,
  { applied, isRefused, options }: { applied: AppliedChange[]; isRefused: boolean; options: ResolveOptions },
): Resolution['outputLimit'] {
  const given = OUTPUT_LIMITS.find((name) => typeof parameters.get(name) === 'number');
  if (given) return { parameter: given, tokens: parameters.get(given) as number };
  const limit = isRefused ? null : defaultLimit(plan, options.outputTokensDefault);
  if (!limit) return null;
  parameters.set(limit.parameter, limit.tokens);
  applied.push({ parameter: limit.parameter, action: 'defaulted', value: limit.tokens });
  return limit;
}
