import { OUTPUT_LIMITS } from './constrained-parameters.js';
import type { ModelMeta } from './model-meta.js';
import { resolveParameters, type Resolution, type ResolveOptions } from './parameter-constraints.js';
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
  const { parameters, applied, violations, outputLimit } = resolveParameters(
    meta.parameterConstraints ?? NONE,
    meta.parameterRules ?? NO_RULES,
    requested,
    {
      unsupported: options.unsupported ?? 'reject',
      outputTokensDefault: Math.min(meta.maxOutputTokens, options.outputTokensDefault),
    },
  );
  const choices = (parameters['n'] as number | undefined) ?? 1;
  if (choices > CHOICES_MAX) violations.push(rangeViolation('n', choices, { min: 1, max: CHOICES_MAX }));
  if (outputLimit && outputLimit.tokens > meta.maxOutputTokens) {
    const offered = OUTPUT_LIMITS.find((name) => requested[name] !== undefined) ?? outputLimit.parameter;
    violations.push(rangeViolation(offered, outputLimit.tokens, { min: 1, max: meta.maxOutputTokens }));
  }
  return { parameters, applied, violations, outputLimit, choices };
}

/** One object, so that its plan is made once. */
const NONE = {};
const NO_RULES: never[] = [];
