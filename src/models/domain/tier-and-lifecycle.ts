import { isSameValue } from './parameter-value.js';
import type { ModelMeta } from './model-meta.js';
import type { TierRule } from './tier-access.js';

/** What an audit row holds of a model: its tier rule and where it stands in its life. */
export interface TierAndLifecycle extends TierRule {
  isAvailable: boolean;
  isLegacy: boolean;
  isArchived: boolean;
  legacyReplacementModelId?: string | undefined;
  sunsetDate?: string | undefined;
}

export interface LifecycleFlags {
  isAvailable: boolean;
  isLegacy: boolean;
  isArchived: boolean;
}

export function tierAndLifecycle(flags: LifecycleFlags, meta: ModelMeta): TierAndLifecycle {
  const { requiredTier, tierRestrictionMode, allowedTiers, legacyReplacementModelId, sunsetDate } = meta;
  return {
    isAvailable: flags.isAvailable,
    isLegacy: flags.isLegacy,
    isArchived: flags.isArchived,
    ...(requiredTier && { requiredTier }),
    ...(tierRestrictionMode && { tierRestrictionMode }),
    ...(allowedTiers && { allowedTiers }),
    ...(legacyReplacementModelId && { legacyReplacementModelId }),
    ...(sunsetDate && { sunsetDate }),
  };
}

export function isSameTierAndLifecycle(a: TierAndLifecycle, b: TierAndLifecycle): boolean {
  return isSameValue(a, b);
}
