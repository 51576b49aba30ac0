import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../common/errors/operator-error.js';

interface LocalSecrets {
  keyEncryptionKey: string;
  cookieKeys: string[];
}

const FILE_NAME = 'secrets.json';
const KEY_BYTES = 32;

/**
 * The secrets of a development installation, made once in DATA_DIR and readable by their owner alone.
 * Two processes that start together agree: the first to create the file wins, the other reads it.
 */
export function loadLocalSecrets(dataDir: string): LocalSecrets {
  const file = join(dataDir, FILE_NAME);
  const fresh: LocalSecrets = {
    keyEncryptionKey: randomBytes(KEY_BYTES).toString('base64'),
    cookieKeys: [randomBytes(32).toString('base64url')],
  };
  makeFolder(dataDir);
  try {
    writeFileSync(file, `${JSON.stringify(fresh, null, 2)}\n`, { flag: 'wx', mode: 0o600 });
    return fresh;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return read(file);
  }
}

/** @throws OperatorError that quotes nothing of it */
function read(file: string): LocalSecrets {
  try {
    const { keyEncryptionKey, cookieKeys } = JSON.parse(readFileSync(file, 'utf8')) as LocalSecrets;
    if (Buffer.from(keyEncryptionKey, 'base64').length === KEY_BYTES && cookieKeys.length > 0)
      return { keyEncryptionKey, cookieKeys };
  } catch {
    // told below: what a parser says may quote a secret
  }
  throw new OperatorError(
    `The file ${file} cannot be used. Bring it back from a backup. Without one, delete it and start on an empty database: what its key sealed cannot be opened any more.`,
  );
}

function makeFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.W_OK);
  } catch (error) {
    throw new OperatorError(
      `The folder ${dataDir} cannot be written to. Give this user write access, or set DATA_DIR to another folder.`,
      { cause: error },
    );
  }
}
