import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than finding an account and writing a mail for it take; what takes longer waits for the next step. */
const STEP_MS = 150;

/** Does the work and ends on the next step of time, so that how long it took does not tell what it found. */
export async function evenly<T>(work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await work();
  } finally {
    const tookMs = performance.now() - began;
    await sleep(Math.ceil(tookMs / STEP_MS) * STEP_MS - tookMs);
  }
}
