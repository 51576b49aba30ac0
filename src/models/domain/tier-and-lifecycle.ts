import { z } from 'zod';
import { TIERS } from '../../common/domain/tiers.js';
import type { ModelMeta } from './model-meta.js';
import { TIER_RESTRICTION_MODES } from './tier-access.js';

/** The stored flags of a model's life. */
export interface LifecycleFlags {
  isAvailable: boolean;
  isLegacy: boolean;
  isArchived: boolean;
}

/** What an audit row holds of a model: its tier rule and where it stands in its life. */
export const TierAndLifecycle = z.looseObject({
  isAvailable: z.boolean(),
  isLegacy: z.boolean(),
  isArchived: z.boolean(),
  requiredTier: z.enum(TIERS).optional(),
  tierRestrictionMode: z.enum(TIER_RESTRICTION_MODES).optional(),
  allowedTiers: z.array(z.enum(TIERS)).optional(),
  legacyReplacementModelId: z.string().optional(),
  sunsetDate: z.string().optional(),
});

export type TierAndLifecycle = z.infer<typeof TierAndLifecycle>;

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
