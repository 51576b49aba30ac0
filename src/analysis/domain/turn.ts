/** Priorities go from 0 to this. */
export const PRIORITY_MAX = 9;

/** What each step of priority is ahead: an analysis of the highest priority goes before what was queued up to nine minutes earlier, never more. */
const HEAD_START_MS = 60_000;
/** How far one user's analyses keep apart: who queues a hundred at once has the others pass in between. */
const APART_MS = 2_000;
/** Turns become priorities of the queue, which are 32 bits wide: seconds from here last beyond 2090. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

export interface Turn {
  queuedAt: Date;
  priority: number;
  /** The last turn of the same user and priority that still waits; null where none does. */
  lastOfUser: Date | null;
}

/**
 * The time by which the queue is in order, earliest first. It never changes: everything that waits grows older at the same pace, so whatever is
 * queued later by more than the longest head start comes later, and nobody starves, whoever else queues how much at whichever priority.
 */
export function turnOf({ queuedAt, priority, lastOfUser }: Turn): Date {
  const headStartMs = priority * HEAD_START_MS;
  const freeMs = lastOfUser === null ? -Infinity : lastOfUser.getTime() + headStartMs + APART_MS;
  return new Date(Math.max(queuedAt.getTime(), freeMs) - headStartMs);
}

/** The same for the queue, whose greatest number is first. */
export function queuePriorityOf(turnAt: Date): number {
  return -Math.floor((turnAt.getTime() - EPOCH_MS) / 1_000);
}
