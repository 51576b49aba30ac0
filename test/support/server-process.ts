import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './test-app.js';

const COMPILED = join(import.meta.dirname, '..', '..', 'src');
const START_MS_MAX = 120_000;

export interface ServerProcess {
  url: string;
  child: ChildProcess;
  /** Everything it has printed so far. */
  output(): string;
  /** SIGTERM, then what the process ended with. */
  end(): Promise<number | null>;
  kill(): Promise<void>;
}

/** What a child process of the tests sees of ours: nothing that would configure it by accident. */
function baseEnvironment(env: Record<string, string>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/tmp', LOG_LEVEL: 'error', ...env };
}

/** A real server process, as `npm start` runs it, ready to serve. */
export async function startServerProcess(env: Record<string, string> = {}): Promise<ServerProcess> {
  const port = Number(env['PORT'] ?? (await freePort()));
  const child = spawn(process.execPath, [join(COMPILED, 'main.js')], {
    env: baseEnvironment({ PORT: String(port), ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const url = `http://localhost:${port}`;
  await untilReady(url, child, () => printed);
  return {
    url,
    child,
    output: () => printed,
    ...endings(child, ended),
  };
}

/** A real worker process, as `npm run worker` runs it. */
export async function startWorkerProcess(env: Record<string, string>): Promise<ServerProcess> {
  const child = spawn(process.execPath, [join(COMPILED, 'commands', 'worker.js')], {
    env: baseEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  for (const deadline = Date.now() + START_MS_MAX; !printed.includes('works off its jobs'); await sleep(50)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the worker did not start:\n${printed}`);
  }
  return { url: '', child, output: () => printed, ...endings(child, ended) };
}

function endings(child: ChildProcess, ended: Promise<number | null>): Pick<ServerProcess, 'end' | 'kill'> {
  return {
    end: () => {
      child.kill('SIGTERM');
      return ended;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function untilReady(url: string, child: ChildProcess, output: () => string): Promise<void> {
  for (const deadline = Date.now() + START_MS_MAX; Date.now() < deadline; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${output()}`);
    const response = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (response?.ok && output().includes('Tollgate is running')) return;
  }
  child.kill('SIGKILL');
  throw new Error(`the server was not ready in time:\n${output()}`);
}

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs one of `src/commands` to its end. */
export function runCommandProcess(name: string, args: string[], env: Record<string, string>): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(COMPILED, 'commands', `${name}.js`), ...args],
      { env: baseEnvironment(env) },
      (error, stdout, stderr) => {
        resolve({ exitCode: error ? Number(error.code ?? 1) : 0, stdout: stdout.trim(), stderr });
      },
    );
  });
}

/** Runs `src/main.js` to its end, for starts that must fail. */
export function runServerToEnd(env: Record<string, string>, args: string[] = []): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(COMPILED, 'main.js'), ...args],
      { env: baseEnvironment(env), timeout: START_MS_MAX },
      (error, stdout, stderr) => {
        resolve({ exitCode: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      },
    );
  });
}
