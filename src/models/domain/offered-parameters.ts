import {
  CONSTRAINED_PARAMETERS,
  isOutputLimit,
  maxItemsOf,
  PARAMETER_BASELINES,
  type ConstrainedParameter,
} from './constrained-parameters.js';
import type { ModelMeta } from './model-meta.js';
import { CHOICES_MAX } from './model-parameters.js';
import type { ParameterConstraint, ParameterConstraints } from './parameter-constraint.js';
import { planOf } from './parameter-plan.js';

/**
 * Every parameter that can be sent to a model or that it refuses by name, each with all that holds: the constraint that governs the name under
 * which it is sent, what the wire format says where that is silent, and the limits of this server.
 */
export function offeredParameters(
  meta: Pick<ModelMeta, 'parameterConstraints' | 'maxOutputTokens'>,
  outputTokensDefault: number,
): Partial<Record<ConstrainedParameter, ParameterConstraint>> {
  const constraints: ParameterConstraints = meta.parameterConstraints ?? {};
  const { sentAs, governing } = planOf(constraints);
  const offered: Partial<Record<ConstrainedParameter, ParameterConstraint>> = {};
  for (const name of CONSTRAINED_PARAMETERS) {
    const target = sentAs.get(name) ?? name;
    const ruling = governing.get(target);
    const baseline = PARAMETER_BASELINES[target];
    const { isExtension, maxItemsMost: _most, ...shown } = baseline;
    if (!ruling && (isExtension || meta.maxOutputTokens === 0)) continue;
    const { alternativeName, ...terms } = ruling ?? { supported: true };
    const reason = constraints[name]?.reason ?? terms.reason;
    const parameter: ParameterConstraint = {
      ...shown,
      ...terms,
      supported: terms.supported || alternativeName !== undefined,
      ...(target !== name && { alternativeName: target }),
      ...(reason !== undefined && { reason }),
    };
    for (const size of ['maxItems', 'maxItemLength'] as const) {
      const limit = size === 'maxItems' ? maxItemsOf(baseline, terms.maxItems) : baseline[size];
      if (limit !== undefined) parameter[size] = least(terms[size], limit);
    }
    if (!isOutputLimit(target)) {
      offered[name] = target === 'n' ? { ...parameter, max: least(parameter.max, CHOICES_MAX) } : parameter;
      continue;
    }
    const max = least(parameter.max, meta.maxOutputTokens);
    const sentUnasked = Math.max(least(max, outputTokensDefault), parameter.min ?? 1);
    offered[name] = { ...parameter, max, default: parameter.default ?? sentUnasked };
  }
  return offered;
}

function least(bound: number | undefined, limit: number): number {
  return Math.min(bound ?? limit, limit);
}
