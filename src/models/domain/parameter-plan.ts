import {
  CONSTRAINED_PARAMETERS,
  OUTPUT_LIMITS,
  PARAMETER_BASELINES,
  isConstrainedParameter,
  isOutputLimit,
  type ConstrainedParameter,
} from './constrained-parameters.js';
import type { ParameterConstraint, ParameterConstraints } from './parameter-constraint.js';
import { plainValueCheck } from './parameter-decision.js';
import type { Exclusion } from './parameter-relations.js';

/** What a constraint document says once and for all requests. */
export interface Plan {
  /** The name a parameter is sent under. Only names that change are in it. */
  sentAs: ReadonlyMap<string, ConstrainedParameter>;
  governing: ReadonlyMap<string, ParameterConstraint>;
  exclusions: readonly Exclusion[];
  /** By the name a caller may use: what a value that needs no attention must pass. Null where every value needs some. */
  checks: ReadonlyMap<string, PlainCheck>;
  /** The output limit that is sent where nobody names one, and what bounds it. Null where the model takes none. */
  limit: { parameter: string; constraint: ParameterConstraint | undefined } | null;
}

/** One parameter as a request names it. */
export interface PlainCheck {
  target: ConstrainedParameter;
  /** Whether another name is sent under the same one. */
  isShared: boolean;
  isLimit: boolean;
  isPlain: ((value: unknown) => boolean) | null;
}

/** Documents are replaced, never changed in place, so each is planned once. */
const plans = new WeakMap<ParameterConstraints, Plan>();

export function planOf(constraints: ParameterConstraints): Plan {
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
  const exclusions = exclusionsOf(constraints, sentAs);
  const plan = {
    sentAs,
    governing,
    exclusions,
    checks: checksOf(sentAs, governing),
    limit: limitOf(sentAs, governing),
  };
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

function checksOf(
  sentAs: Plan['sentAs'],
  governing: ReadonlyMap<string, ParameterConstraint>,
): ReadonlyMap<string, PlainCheck> {
  const targets = CONSTRAINED_PARAMETERS.map((name) => sentAs.get(name) ?? name);
  return new Map(
    CONSTRAINED_PARAMETERS.map((name, index) => {
      const target = targets[index]!;
      const isShared = targets.some((other, at) => other === target && at !== index);
      const isPlain = plainValueCheck(governing.get(target), PARAMETER_BASELINES[target]);
      return [name, { target, isShared, isLimit: isOutputLimit(target), isPlain }];
    }),
  );
}

/** Whether a governing constraint lets a value be sent; one that only renames does, whatever it says of the old name. */
function isOffered(constraint: ParameterConstraint | undefined): boolean {
  return constraint !== undefined && (constraint.supported || constraint.alternativeName !== undefined);
}

function limitOf(sentAs: Plan['sentAs'], governing: ReadonlyMap<string, ParameterConstraint>): Plan['limit'] {
  const parameter =
    OUTPUT_LIMITS.find((name) => isOffered(governing.get(name))) ??
    OUTPUT_LIMITS.find((name) => !governing.has(name) && !sentAs.has(name));
  return parameter === undefined ? null : { parameter, constraint: governing.get(parameter) };
}

/** The output limit that is sent unasked: the constraint's default, else the server's, never above the constraint's maximum. */
export function defaultLimit(
  { limit }: Plan,
  fallback: number | undefined,
): { parameter: string; tokens: number } | null {
  if (!limit) return null;
  const { parameter, constraint } = limit;
  if (typeof constraint?.default === 'number') return { parameter, tokens: constraint.default };
  if (fallback === undefined) return null;
  return { parameter, tokens: Math.max(Math.min(fallback, constraint?.max ?? fallback), constraint?.min ?? 1) };
}
