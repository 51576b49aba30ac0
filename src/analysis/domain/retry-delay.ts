/** Attempts before the fallback answers: with the waits between them about a minute, which most trouble does not outlast. */
export const ATTEMPTS_MAX = 5;

const DELAY_MS = 2_000;
const DELAY_MS_MAX = 60_000;
/** What an attempt needs before the deadline: a second until it is taken up, and time for an answer, of another model where it must be. */
const ROOM_MS = 3_000;

/**
 * How long to wait after the `attempt`-th failed one: doubling, of which `random`, from 0 to 1, takes away up to a half, so that what failed
 * together does not come back together.
 */
export function retryDelayMs(attempt: number, random: number): number {
  const full = Math.min(DELAY_MS_MAX, DELAY_MS * 2 ** (attempt - 1));
  return Math.round(full * (1 - random / 2));
}

/** When the next attempt may follow, or null where it would be one too many or come too near to the deadline to end before it. */
export function nextAttemptAt(failed: { attempt: number; now: Date; deadlineAt: Date; random: number }): Date | null {
  const { attempt, now, deadlineAt, random } = failed;
  const next = new Date(now.getTime() + retryDelayMs(attempt, random));
  const isLate = next.getTime() + ROOM_MS > deadlineAt.getTime();
  return attempt >= ATTEMPTS_MAX || isLate ? null : next;
}

/** How long a model's answer is still waited for once rules have answered. */
export const UPGRADE_MS_MAX = 86_400_000;

const UPGRADE_DELAY_MS = 5_000;
const UPGRADE_DELAY_MS_MAX = 900_000;

/** The wait before the next look whether a model can be had again; doubling, up to a quarter of an hour. */
export function upgradeDelayMs(attemptsBefore: number): number {
  return Math.min(UPGRADE_DELAY_MS_MAX, UPGRADE_DELAY_MS * 2 ** Math.min(attemptsBefore, 16));
}
