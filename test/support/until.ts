import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 25;

/** Resolves once the condition holds. Its time is for a machine under load: nothing is said about speed. */
export async function until(isTrue: () => boolean | Promise<boolean>, msMax = 60_000): Promise<void> {
  for (const deadline = Date.now() + msMax; !(await isTrue()); await sleep(LOOK_EVERY_MS))
    if (Date.now() > deadline) throw new Error(`it did not happen in time: ${isTrue.toString()}`);
}
