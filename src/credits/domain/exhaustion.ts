/** How far back use is looked at to say when the credits will end. */
export const FORECAST_WINDOW_MS = 7 * 86_400_000;
/** Beyond ten years a forecast says nothing. */
const FORECAST_MS_MAX = 3_650 * 86_400_000;

/** When what is available ends if use goes on as in the window; null without use, or beyond any reasonable time. */
export function exhaustionAt(availableUcr: bigint, usedInWindowUcr: bigint, now: Date): Date | null {
  if (availableUcr <= 0n) return now;
  if (usedInWindowUcr <= 0n) return null;
  const ms = Number((availableUcr * BigInt(FORECAST_WINDOW_MS)) / usedInWindowUcr);
  return ms > FORECAST_MS_MAX ? null : new Date(now.getTime() + ms);
}
