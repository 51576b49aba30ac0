import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Config } from './config.js';
import { Environment, InvalidEnvironmentError, readEnvironment } from './env.js';

function faultsOf(source: Record<string, string>): string[] {
  try {
    readEnvironment(source);
    return [];
  } catch (error) {
    if (error instanceof InvalidEnvironmentError) return error.faults;
    throw error;
  }
}

describe('the environment', () => {
  it('needs nothing outside production', () => {
    expect(readEnvironment({})).toMatchObject({
      NODE_ENV: 'development',
      PORT: 3000,
      DATABASE_POOL_SIZE: 20,
      OUTPUT_TOKENS_DEFAULT: 4096,
    });
  });

  it('takes an empty variable as unset', () => {
    expect(readEnvironment({ PORT: '', DATABASE_URL: '' })).toMatchObject({ PORT: 3000 });
  });

  it('lists every fault with the name of its variable and what is allowed', () => {
    const faults = faultsOf({
      PORT: 'http',
      DATABASE_URL: 'mysql://x',
      PUBLIC_URL: 'https://a.example/path',
      SANDBOX: 'maybe',
      LOG_LEVEL: 'loud',
    });
    expect(faults).toHaveLength(5);
    expect(faults).toContainEqual(expect.stringMatching(/^PORT: .*0 to 65535/));
    expect(faults).toContainEqual(expect.stringMatching(/^DATABASE_URL: .*postgresql:\/\//));
    expect(faults).toContainEqual(expect.stringMatching(/^PUBLIC_URL: must have no path/));
    expect(faults).toContainEqual(expect.stringMatching(/^SANDBOX: .*1, 0/));
    expect(faults).toContainEqual(expect.stringMatching(/^LOG_LEVEL: .*info/));
  });

  it.each(['postgresql://user:password@host:5432', 'postgresql://host/', 'postgres://user:100%@host/tollgate'])(
    'takes no database address that could not be used: %s',
    (address) => {
      const [fault, ...others] = faultsOf({ DATABASE_URL: address });
      expect(fault).toMatch(/^DATABASE_URL: must name a database, .*%25/);
      expect(others).toEqual([]);
      expect(faultsOf({ DATABASE_DIRECT_URL: address })).toHaveLength(1);
    },
  );

  it('tells of a provider whose address is none, and leaves the variables of other programs alone', () => {
    expect(
      faultsOf({
        OPENAI_BASE_URL: 'localhost:11434/v1',
        MINE_BASE_URL: 'host/v1',
        MINE_API_KEY: 'k',
        XAI_BASE_URL: 'https://host/v1?api-version=2024-10-21',
        VITE_BASE_URL: '/',
      }),
    ).toEqual([
      expect.stringMatching(/^OPENAI_BASE_URL: must be a URL such as/),
      expect.stringMatching(/^MINE_BASE_URL: must be a URL such as/),
      expect.stringMatching(/^XAI_BASE_URL: .* without a query$/),
    ]);
  });

  it('tells of a variable that is nearly one of ours', () => {
    expect(faultsOf({ RETENTION_SYSTEM_LOG_DAYS: '7', OPENAI_APIKEY: 'k' })).toEqual([
      expect.stringMatching(/^RETENTION_SYSTEM_LOG_DAYS: .*Is it RETENTION_SYSTEM_LOGS_DAYS\?/),
      expect.stringMatching(/^OPENAI_APIKEY: .*Is it OPENAI_API_KEY\?/),
    ]);
  });

  // Nobody could have sent the token with the end of its file's line.
  it('has what a file of secrets had around a value cut off', () => {
    const config = Config.load({
      KEY_ENCRYPTION_KEY: `${Buffer.alloc(32).toString('base64')}\n`,
      COOKIE_KEYS: `${'x'.repeat(32)}\n`,
      METRICS_TOKEN: `${'y'.repeat(32)}\r\n`,
      UPSTREAM_ACME_ISSUER: 'https://id.acme.example\n',
      UPSTREAM_ACME_CLIENT_ID: 'id-1',
      UPSTREAM_ACME_CLIENT_SECRET: 'secret-1\n',
    });
    expect(config.metricsToken).toBe('y'.repeat(32));
    expect(config.upstreamIssuers.get('acme')).toMatchObject({
      issuer: 'https://id.acme.example',
      clientSecret: 'secret-1',
    });
  });

  it('demands the secrets and the address in production, and accepts them', () => {
    expect(faultsOf({ NODE_ENV: 'production' }).map((fault) => fault.split(':')[0])).toEqual([
      'PUBLIC_URL',
      'KEY_ENCRYPTION_KEY',
      'COOKIE_KEYS',
    ]);
    const complete = {
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://a.example',
      KEY_ENCRYPTION_KEY: Buffer.alloc(32).toString('base64'),
      COOKIE_KEYS: 'x'.repeat(32),
    };
    expect(faultsOf(complete)).toEqual([]);
    expect(faultsOf({ ...complete, KEY_ENCRYPTION_KEY: 'short' })).toEqual([expect.stringContaining('32 bytes')]);
    expect(faultsOf({ ...complete, COOKIE_KEYS: 'short,list' })).toEqual([expect.stringContaining('32 characters')]);
  });

  it('is described in .env.example, variable by variable', () => {
    const example = readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8');
    const described = [...example.matchAll(/^#?([A-Z_]+)=/gm)]
      .map((match) => match[1])
      // Providers are named by the operator: `<PROVIDER>_API_KEY`.
      .filter((name) => !name?.endsWith('_API_KEY'));
    expect(new Set(described)).toEqual(new Set(Object.keys(Environment.shape)));
    expect(described).toHaveLength(Object.keys(Environment.shape).length);
  });
});
