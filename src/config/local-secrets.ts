import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../common/errors/operator-error.js';

interface LocalSecrets {
  keyEncryptionKey: string;
  cookieKeys: string[];
}

const FILE_NAME = 'secrets.json';

/**
 * The secrets of a development installation, made once in DATA_DIR and readable by their owner alone.
 * Two processes that start together agree: the first to create the file wins, the other reads it.
 */
export function loadLocalSecrets(dataDir: string): LocalSecrets {
  const file = join(dataDir, FILE_NAME);
  const fresh: LocalSecrets = {
    keyEncryptionKey: randomBytes(32).toString('base64'),
    cookieKeys: [randomBytes(32).toString('base64url')],
  };
  makeFolder(dataDir);
  try {
    writeFileSync(file, `${JSON.stringify(fresh, null, 2)}\n`, { flag: 'wx', mode: 0o600 });
    return fresh;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return JSON.parse(readFileSync(file, 'utf8')) as LocalSecrets;
  }
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
