/** How far back use is looked at to say when the credits will end. */
export const FORECAST_WINDOW_MS = 7 * 86_400_000;
/** Beyond ten years a forecast says nothing. */
const FORECAST_MS_MAX = 3_650 * 86_400_000;

/** What is free of a grant, and when it is lost; null for never. An allowance is followed by the next one: its period's end is no loss. */
export interface FreeCredits {
  freeUcr: bigint;
  endsAt: Date | null;
}

/**
 * When the credits end if use goes on as in the window. They are used in the order given, after the debt is repaid; what a grant still has when it
 * ends is lost. Null without use, or beyond any reasonable time.
 */
export function exhaustionAt(
  grants: readonly FreeCredits[],
  { debtUcr, usedInWindowUcr }: { debtUcr: bigint; usedInWindowUcr: bigint },
  now: Date,
): Date | null {
  const availableUcr = grants.reduce((sum, { freeUcr }) => sum + freeUcr, -debtUcr);
  if (availableUcr <= 0n) return now;
  if (usedInWindowUcr <= 0n) return null;
  let owedUcr = debtUcr;
  let end = now.getTime();
  for (const { freeUcr, endsAt } of grants) {
    const repaidUcr = owedUcr < freeUcr ? owedUcr : freeUcr;
    owedUcr -= repaidUcr;
    const usedUpAt = end + Number(((freeUcr - repaidUcr) * BigInt(FORECAST_WINDOW_MS)) / usedInWindowUcr);
    end = endsAt ? Math.max(end, Math.min(usedUpAt, endsAt.getTime())) : usedUpAt;
  }
  return end - now.getTime() > FORECAST_MS_MAX ? null : new Date(end);
}
