import {
  CONSTRAINED_PARAMETERS,
  isOutputLimit,
  PARAMETER_BASELINES,
  type ConstrainedParameter,
} from './constrained-parameters.js';
import type { ModelMeta } from './model-meta.js';
import { CHOICES_MAX } from './model-parameters.js';
import type { ParameterConstraint } from './parameter-constraint.js';

/**
 * Every parameter that can be sent to a model or that it refuses by name, each with all that holds: the model's own constraint, what the
 * wire format says where that is silent, and the limits of this server.
 */
export function offeredParameters(
  meta: Pick<ModelMeta, 'parameterConstraints' | 'maxOutputTokens'>,
  outputTokensDefault: number,
): Partial<Record<ConstrainedParameter, ParameterConstraint>> {
  const constraints: Readonly<Record<string, ParameterConstraint>> = meta.parameterConstraints ?? {};
  const offered: Partial<Record<ConstrainedParameter, ParameterConstraint>> = {};
  for (const name of CONSTRAINED_PARAMETERS) {
    const baseline = PARAMETER_BASELINES[name];
    const own = constraints[name];
    if (!own && (baseline.isExtension || meta.maxOutputTokens === 0)) continue;
    const { isExtension: _extension, ...rest } = baseline;
    const parameter: ParameterConstraint = { supported: true, ...rest, ...own };
    for (const size of ['maxItems', 'maxItemLength'] as const) {
      const limit = baseline[size];
      if (limit !== undefined) parameter[size] = least(own?.[size], limit);
    }
    if (!isOutputLimit(name)) {
      offered[name] = name === 'n' ? { ...parameter, max: least(parameter.max, CHOICES_MAX) } : parameter;
      continue;
    }
    const max = least(parameter.max, meta.maxOutputTokens);
    offered[name] = { ...parameter, max, default: parameter.default ?? least(max, outputTokensDefault) };
  }
  return offered;
}

function least(bound: number | undefined, limit: number): number {
  return Math.min(bound ?? limit, limit);
}
