import { tierRank, type Tier } from '../../common/domain/tiers.js';

export const TIER_RESTRICTION_MODES = ['minimum', 'exact', 'whitelist'] as const;

export type TierRestrictionMode = (typeof TIER_RESTRICTION_MODES)[number];

/** The part of a model's meta that says which tiers may use it. */
export interface TierRule {
  requiredTier?: Tier | undefined;
  tierRestrictionMode?: TierRestrictionMode | undefined;
  allowedTiers?: readonly Tier[] | undefined;
}

export type TierDecision =
  | { allowed: true }
  | { allowed: false; mode: TierRestrictionMode; requiredTier?: Tier; allowedTiers?: readonly Tier[] };

/** A model without a required tier is for everyone. */
const TIER_DEFAULT: Tier = 'free';

/**
 * Whether a tier may use a model: at least the required tier (`minimum`, the default), exactly that tier (`exact`), or one of the listed
 * tiers (`whitelist`).
 */
export function decideTierAccess(rule: TierRule, tier: Tier): TierDecision {
  const mode = rule.tierRestrictionMode ?? 'minimum';
  const requiredTier = rule.requiredTier ?? TIER_DEFAULT;
  const allowedTiers = rule.allowedTiers ?? [];
  switch (mode) {
    case 'minimum':
      return tierRank(tier) >= tierRank(requiredTier) ? { allowed: true } : { allowed: false, mode, requiredTier };
    case 'exact':
      return tier === requiredTier ? { allowed: true } : { allowed: false, mode, requiredTier };
    case 'whitelist':
      return allowedTiers.includes(tier) ? { allowed: true } : { allowed: false, mode, allowedTiers };
  }
}
