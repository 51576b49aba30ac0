import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.js';

const RETRY_MS = 50;
/** Longer than one refresh may take, so that a wait that runs out means that something hangs. */
const WAIT_MS_MAX = 45_000;
const SQLITE_BUSY = 5;

/**
 * Runs `work` while no other process does so with the same `path`. The file is an empty SQLite database: that is Node's only lock that
 * works across processes on every system and that the system itself releases when its owner dies. A lock that is a file which merely
 * exists outlives a crash, and taking over such a file is a race of its own.
 */
export async function withExclusiveLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    await acquire(database);
    return await work();
  } finally {
    database.close();
  }
}

async function acquire(database: DatabaseSync): Promise<void> {
  for (const deadline = Date.now() + WAIT_MS_MAX; ; await sleep(RETRY_MS)) {
    try {
      database.exec('begin exclusive');
      return;
    } catch (error) {
      if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
      if (Date.now() > deadline)
        throw new Failure(
          'signIn',
          'Another window has been busy with the sign-in for too long; close it and try again.',
        );
    }
  }
}
