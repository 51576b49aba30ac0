import { OUTPUT_LIMITS } from './constrained-parameters.js';
import type { ModelMeta } from './model-meta.js';
import { resolveParameters, type Resolution, type ResolveOptions } from './parameter-constraints.js';
import type { ParameterConstraints } from './parameter-constraint.js';
import { planOf } from './parameter-plan.js';
import { rangeViolation } from './parameter-violation.js';

/** Most choices of one request: each is charged. */
export const CHOICES_MAX = 8;

export interface ModelParameters extends Resolution {
  choices: number;
}

/** A request's parameters against all that a model says of them: its constraints and rules, and how much it can put out. */
export function resolveModelParameters(
  meta: Pick<ModelMeta, 'parameterConstraints' | 'parameterRules' | 'maxOutputTokens'>,
  requested: Readonly<Record<string, unknown>>,
  options: ResolveOptions & { outputTokensDefault: number },
): ModelParameters {
  const { maxOutputTokens, parameterConstraints: constraints = NONE, parameterRules: rules = NO_RULES } = meta;
  const resolution = resolveParameters(constraints, rules, requested, {
    unsupported: options.unsupported ?? 'reject',
    outputTokensDefault: Math.min(maxOutputTokens, options.outputTokensDefault),
  });
  const { outputLimit: limit } = resolution;
  const asked = (resolution.parameters['n'] as number | undefined) ?? 1;
  const choices = bounded(resolution, constraints, { sentAs: 'n', offeredAs: 'n', value: asked, max: CHOICES_MAX });
  if (!limit) return { ...resolution, choices };
  const { parameter: sentAs, tokens: value } = limit;
  const offeredAs = OUTPUT_LIMITS.find((name) => requested[name] !== undefined) ?? sentAs;
  const tokens = bounded(resolution, constraints, { sentAs, offeredAs, value, max: maxOutputTokens });
  return { ...resolution, outputLimit: { parameter: sentAs, tokens }, choices };
}

interface Bounded {
  sentAs: string;
  offeredAs: string;
  value: number;
  /** What holds beside the model's own constraint, whose policy is that of the bound. */
  max: number;
}

/** The value within the bound, or as it is and refused. */
function bounded(
  { parameters, applied, violations }: Resolution,
  constraints: ParameterConstraints,
  { sentAs, offeredAs, value, max }: Bounded,
): number {
  if (value <= max) return value;
  if (planOf(constraints).governing.get(sentAs)?.onViolation === 'clamp' && max >= 1) {
    const earlier = applied.find(({ parameter, action }) => parameter === sentAs && action === 'clamped');
    parameters[sentAs] = max;
    applied.push({ parameter: sentAs, action: 'clamped', value: max, from: earlier?.from ?? value });
    return max;
  }
  violations.push(rangeViolation(offeredAs, value, { min: 1, max }));
  return value;
}

/** One object, so that its plan is made once. */
const NONE: ParameterConstraints = {};
const NO_RULES: never[] = [];
