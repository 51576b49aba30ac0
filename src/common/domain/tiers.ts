/** The four subscription tiers, lowest first. Their order is fixed here; everything else about them is data (`plans`). */
export const TIERS = ['free', 'pro', 'pro_max', 'enterprise'] as const;

export type Tier = (typeof TIERS)[number];

/** The tier's place in the order, 0 for the lowest. */
export function tierRank(tier: Tier): number {
  return TIERS.indexOf(tier);
}
