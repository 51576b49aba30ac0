import type { Tier } from '../../common/domain/tiers.js';

/** For whom a flag is on. */
export interface FlagState {
  /** Off: for nobody, whatever else is said. */
  isEnabled: boolean;
  /** Of the users, beside those that are named. */
  percent: number;
  tiers: readonly Tier[];
  userIds: ReadonlySet<string>;
}

/** Who asks. Without a user only a flag that is on for all is on. */
export interface FlagSubject {
  userId: string | null;
  tier?: Tier | null;
}

export type FlagReason = 'disabled' | 'user' | 'tier' | 'percent' | 'nobody';

/** Why a flag is on (`user`, `tier`, `percent`) or off for somebody: what is named goes before the percentage. */
export function flagReason(key: string, state: FlagState, { userId, tier }: FlagSubject): FlagReason {
  if (!state.isEnabled) return 'disabled';
  if (userId !== null && state.userIds.has(userId)) return 'user';
  if (tier && state.tiers.includes(tier)) return 'tier';
  if (state.percent === 100 || (userId !== null && shareOf(key, userId) < state.percent)) return 'percent';
  return 'nobody';
}

export function isOnFor(reason: FlagReason): boolean {
  return reason !== 'disabled' && reason !== 'nobody';
}

/**
 * Where a user stands among all, from 0 to under 100: the same for ever, so that a growing percentage adds users and takes none away, and
 * another for each flag, so that not the same ones meet all that is new. FNV-1a, with the finish of MurmurHash3, which mixes its low bits.
 */
export function shareOf(key: string, userId: string): number {
  const text = `${key}:${userId}`;
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32) * 100;
}
