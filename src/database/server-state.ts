import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../common/errors/operator-error.js';

/** What a start leaves in DATA_DIR for commands and for the next start. The password lives as long as the cluster does. */
export interface ServerState {
  password: string;
  port: number;
  /** The Tollgate process that owns the server, with a mark that tells it from a later process of the same number. */
  pid: number;
  processMark: string;
}

const FILE_NAME = 'tollgate.json';

export function readState(home: string): ServerState | undefined {
  try {
    return JSON.parse(readFileSync(join(home, FILE_NAME), 'utf8')) as ServerState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new OperatorError(
      `${join(home, FILE_NAME)} cannot be read. Restore it, or remove the folder to begin with an empty database.`,
      { cause: error },
    );
  }
}

export function writeState(home: string, state: ServerState): void {
  const file = join(home, FILE_NAME);
  const next = `${file}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(next, file);
}

/** Whether the process that wrote `state` still lives. */
export function isOwnerAlive(state: ServerState): boolean {
  return isAlive(state.pid) && markOf(state.pid) === state.processMark;
}

export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Process numbers come round again; the start time from /proc does not. Empty where there is no /proc. */
export function markOf(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    return createHash('sha256').update(`${bootId}${fields[19]}`).digest('hex').slice(0, 16);
  } catch {
    return ''; // not Linux
  }
}
