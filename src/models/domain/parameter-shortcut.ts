import { isConstrainedParameter, PARAMETER_BASELINES } from './constrained-parameters.js';
import type { ParameterRule } from './parameter-constraint.js';
import type { Resolution, ResolveOptions } from './parameter-constraints.js';
import { effectiveDefault } from './parameter-decision.js';
import { defaultLimit, type Plan } from './parameter-plan.js';
import type { AppliedChange } from './parameter-violation.js';

/**
 * The answer to a request of which nothing has to be dropped, clamped or refused, in one pass: most requests are such. Null where any part of
 * it needs the whole engine. A property test holds both ways to the same answer.
 */
export function resolvePlainly(
  plan: Plan,
  rules: readonly ParameterRule[],
  requested: Readonly<Record<string, unknown>>,
  options: ResolveOptions,
): Resolution | null {
  // The two names of the output limit are one quantity, which the whole engine compares.
  if (isGiven(requested['max_tokens']) && isGiven(requested['max_completion_tokens'])) return null;
  const parameters: Record<string, unknown> = {};
  const applied: AppliedChange[] = [];
  let outputLimit: Resolution['outputLimit'] = null;
  for (const name in requested) {
    const value = requested[name];
    if (!isGiven(value)) continue;
    const check = plan.checks.get(name);
    if (check === undefined) {
      if (name === '__proto__') return null;
      parameters[name] = value;
      continue;
    }
    const { target, isShared, isLimit, isPlain } = check;
    if (isPlain === null || !isPlain(value)) return null;
    // Two names for one parameter may contradict each other.
    if (isShared && parameters[target] !== undefined) return null;
    parameters[target] = value;
    if (isLimit) outputLimit = { parameter: target, tokens: value as number };
    if (target !== name) applied.push({ parameter: name, action: 'renamed', to: target });
  }
  if (isRelated(plan, rules, parameters)) return null;
  outputLimit ??= addLimit(plan, parameters, applied, options);
  return { parameters, applied, violations: [], outputLimit };
}

/** null means absent, as every one of these fields allows. */
function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}

/** Whether an exclusion or a condition has anything to say of these parameters. */
function isRelated(
  plan: Plan,
  rules: readonly ParameterRule[],
  parameters: Readonly<Record<string, unknown>>,
): boolean {
  for (const { parameter, other } of plan.exclusions) {
    if (parameters[parameter] !== undefined && parameters[other] !== undefined) return true;
  }
  for (const { parameters: dependent, unless } of rules) {
    // The values of a condition are no objects, so that looking them up is comparing them.
    const effective = parameters[unless.parameter] ?? defaultOf(plan, unless.parameter);
    if ((unless.in as unknown[]).includes(effective)) continue;
    for (const name of dependent) if (parameters[name] !== undefined) return true;
  }
  return false;
}

function defaultOf(plan: Plan, name: string): unknown {
  return isConstrainedParameter(name)
    ? effectiveDefault(plan.governing.get(name), PARAMETER_BASELINES[name])
    : undefined;
}

function addLimit(
  plan: Plan,
  parameters: Record<string, unknown>,
  applied: AppliedChange[],
  options: ResolveOptions,
): Resolution['outputLimit'] {
  const limit = defaultLimit(plan, options.outputTokensDefault);
  if (!limit) return null;
  parameters[limit.parameter] = limit.tokens;
  applied.push({ parameter: limit.parameter, action: 'defaulted', value: limit.tokens });
  return limit;
}
