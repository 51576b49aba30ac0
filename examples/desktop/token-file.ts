import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { withExclusiveLock } from './exclusive-lock.js';
import { Failure } from './failure.js';

/** A sign-in as it is kept between two starts. */
export interface StoredTokens {
  email: string;
  accessToken: string;
  /** By this computer's clock, which need not be right: the server has the last word. */
  accessExpiresAtMs: number;
  refreshToken: string;
}

const OTHERS_RIGHTS = 0o077;

/** The file that the sign-in is in. Only its owner may read it; an app with a user interface would use the system's key store. */
export class TokenFile {
  constructor(readonly path: string) {}

  /** @throws Failure when others can read it, or when it is damaged */
  read(): StoredTokens | null {
    const text = this.readText({ isPrivate: true });
    return text === null ? null : this.parse(text);
  }

  /** Also where others can read it: to end the sign-in is the way out of that. */
  readToSignOut(): StoredTokens | null {
    const text = this.readText({ isPrivate: false });
    return text === null ? null : this.parse(text);
  }

  /** On the disk before it returns: the refresh token in it is the only one that works from now on. */
  write(tokens: StoredTokens): void {
    const draft = `${this.path}.${process.pid}`;
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    rmSync(draft, { force: true });
    writeFileSync(draft, `${JSON.stringify(tokens, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(draft, this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }

  /** Runs `work` while no other client of this user changes the file. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    return withExclusiveLock(`${this.path}.lock`, work);
  }

  private readText({ isPrivate }: { isPrivate: boolean }): string | null {
    let file: number;
    try {
      file = openSync(this.path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new Failure(
        'signIn',
        `The sign-in in ${this.path} cannot be read; make the file yours or delete it.`,
        error,
      );
    }
    try {
      if (isPrivate) this.assertPrivate(file);
      return readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  }

  private assertPrivate(file: number): void {
    if (process.platform === 'win32') return; // the folder is in the user's profile, which others cannot open
    const { mode, uid } = fstatSync(file);
    if ((mode & OTHERS_RIGHTS) === 0 && uid === process.getuid?.()) return;
    throw new Failure(
      'signIn',
      `Others on this computer can read the sign-in in ${this.path}: end it with --sign-out and sign in again, or keep it with chmod 600 if nobody else was here.`,
    );
  }

  private parse(text: string): StoredTokens {
    try {
      const tokens = JSON.parse(text) as Partial<StoredTokens>;
      if (isComplete(tokens)) return tokens;
    } catch {
      // told below
    }
    throw new Failure('signIn', `The sign-in in ${this.path} is damaged; delete the file and sign in again.`);
  }
}

function isComplete(tokens: Partial<StoredTokens> | null): tokens is StoredTokens {
  return (
    typeof tokens?.email === 'string' &&
    typeof tokens.accessToken === 'string' &&
    typeof tokens.accessExpiresAtMs === 'number' &&
    typeof tokens.refreshToken === 'string'
  );
}
