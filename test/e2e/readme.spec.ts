import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDataFolder } from '../support/data-folder.js';
import { startServerProcess, type ServerProcess } from '../support/server-process.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');

interface PackageFile {
  scripts: Record<string, string>;
}

/** Runs lines as a newcomer would paste them into a shell in the checkout; what they would compile first is compiled already. */
function runShell(script: string, env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      'sh',
      ['-ec', script],
      {
        cwd: ROOT,
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: process.env['HOME'] ?? '/tmp',
          npm_config_ignore_scripts: 'true',
          ...env,
        },
      },
      (error, stdout, stderr) => (error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(stdout)),
    );
  });
}

describe('the README', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const shellBlocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!.trim());
  let dataDir: string;
  let server: ServerProcess;

  beforeAll(async () => {
    dataDir = makeDataFolder('readme');
    server = await startServerProcess({ DATA_DIR: dataDir });
  });
  afterAll(async () => {
    await server.end();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('runs and tests with one line each', () => {
    expect(shellBlocks.slice(0, 2)).toEqual(['npm ci && npm start', 'npm ci && npm test']);
  });

  it('shows requests that work as printed', async () => {
    const [requests, refusal] = shellBlocks.slice(2);
    const [token, ...curls] = requests!.replaceAll('http://localhost:3000', server.url).split('\n\n');
    const env = { DATA_DIR: dataDir, PORT: new URL(server.url).port, LOG_LEVEL: 'silent' };
    const separated = [token, ...curls, refusal!.replaceAll('http://localhost:3000', server.url)].join(
      '\necho; echo ----\n',
    );
    const [, answer, credits, refused] = (await runShell(separated, env)).split('----').map((part) => part.trim());

    expect(JSON.parse(answer!)).toMatchObject({ object: 'chat.completion', model: 'sandbox-echo' });
    expect(JSON.parse(credits!)).toMatchObject({ held: '0.000000', available: expect.stringMatching(/^1999\.\d{6}$/) });
    expect(JSON.parse(refused!)).toMatchObject({
      error: {
        code: 'parameter_constraint_violation',
        details: { violations: [{ parameter: 'temperature', allowedValues: [1] }] },
      },
    });
  });

  it('names only commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as PackageFile;
    const named = new Set([...readme.matchAll(/npm run (?:-s )?([\w:]+)/g)].map((match) => match[1]!));
    expect(named.size).toBeGreaterThan(5);
    expect([...named].filter((name) => !scripts[name])).toEqual([]);
  });
});
