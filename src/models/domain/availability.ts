import type { CatalogueModel } from './catalogue-model.js';

/** Whether anyone can call a model now, and if not, under which error code a call is refused. */
export type Availability =
  | { available: true }
  | { available: false; code: 'model_archived' | 'model_not_priced' | 'model_unavailable'; reason: string };

/** @param isProviderReady whether the provider has credentials here, or the sandbox answers for it. */
export function decideAvailability(
  model: Pick<CatalogueModel, 'isArchived' | 'isAvailable' | 'prices' | 'meta'>,
  isProviderReady: boolean,
): Availability {
  if (model.isArchived) {
    return {
      available: false,
      code: 'model_archived',
      reason: model.meta.deprecationNotice ?? 'The model is archived.',
    };
  }
  if (!model.isAvailable) {
    return { available: false, code: 'model_unavailable', reason: 'The model is switched off.' };
  }
  if (model.prices === null) {
    return { available: false, code: 'model_not_priced', reason: 'The model has no price yet.' };
  }
  if (!isProviderReady) {
    return { available: false, code: 'model_unavailable', reason: 'The provider of this model is not set up here.' };
  }
  return { available: true };
}
