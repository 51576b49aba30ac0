import type { ModelMeta } from './model-meta.js';
import type { ParameterConstraints } from './parameter-constraint.js';

type ConstrainedMeta = Pick<ModelMeta, 'parameterConstraints'>;

/** By the document, then by what is not offered: both are replaced, never changed in place, so each pair is merged once. */
const merged = new WeakMap<ParameterConstraints, WeakMap<ParameterConstraints, ParameterConstraints>>();
const NONE: ParameterConstraints = {};

/**
 * A model's meta with what its provider never takes, where its own constraints say nothing of it: then a caller learns it from the list, an
 * estimate and the guard, and can have it dropped, instead of from the provider's refusal.
 */
export function withUnoffered<Meta extends ConstrainedMeta>(
  meta: Meta,
  unoffered: ParameterConstraints | undefined,
): Meta {
  if (unoffered === undefined) return meta;
  const own: ParameterConstraints = meta.parameterConstraints ?? NONE;
  const known = merged.get(own) ?? new WeakMap<ParameterConstraints, ParameterConstraints>();
  const parameterConstraints = known.get(unoffered) ?? { ...unoffered, ...own };
  merged.set(own, known.set(unoffered, parameterConstraints));
  return { ...meta, parameterConstraints };
}
