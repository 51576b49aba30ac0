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

/** What an audit row holds of a model beside its versions: its names, its tier rule and where it stands in its life. */
export const ModelRecord = z.looseObject({
  /** Rows of the first releases have neither name nor provider. */
  name: z.string().optional(),
  provider: z.string().optional(),
  isAvailable: z.boolean(),
  isLegacy: z.boolean(),
  isArchived: z.boolean(),
  requiredTier: z.enum(TIERS).optional(),
  tierRestrictionMode: z.enum(TIER_RESTRICTION_MODES).optional(),
  allowedTiers: z.array(z.enum(TIERS)).optional(),
  legacyReplacementModelId: z.string().optional(),
  sunsetDate: z.string().optional(),
});

export type ModelRecord = z.infer<typeof ModelRecord>;

export function modelRecord(model: LifecycleFlags & { name: string; provider: string; meta: ModelMeta }): ModelRecord {
  const { requiredTier, tierRestrictionMode, allowedTiers, legacyReplacementModelId, sunsetDate } = model.meta;
  return {
    name: model.name,
    provider: model.provider,
    isAvailable: model.isAvailable,
    isLegacy: model.isLegacy,
    isArchived: model.isArchived,
    ...(requiredTier && { requiredTier }),
    ...(tierRestrictionMode && { tierRestrictionMode }),
    ...(allowedTiers && { allowedTiers }),
    ...(legacyReplacementModelId && { legacyReplacementModelId }),
    ...(sunsetDate && { sunsetDate }),
  };
}
