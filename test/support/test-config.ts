import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Config } from '../../src/config/config.js';

/** The same in every process of the tests, so that each reads what another has sealed. */
export const TEST_SECRETS = {
  KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
  COOKIE_KEYS: 'cookie-key-of-the-tests-0123456789abcdef',
};

/** A configuration that reads nothing of the machine it runs on. */
export function testConfig(env: Record<string, string> = {}): Config {
  return Config.load({
    NODE_ENV: 'test',
    LOG_LEVEL: 'silent',
    // A spec that needs schedules says so; the others need not wait for a queue to start.
    JOBS: 'off',
    DATA_DIR: join(tmpdir(), 'tollgate-unused'),
    ...TEST_SECRETS,
    ...env,
  });
}
