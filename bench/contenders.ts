import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/support/test-app.js';

const ROOT = join(import.meta.dirname, '..', '..');
export interface Contender {
  name: string;
  description: string;
  /** Of each of its processes; connections take turns. */
  urls: string[];
  /** One set for each user. */
  headers: Record<string, string>[];
  /** The processes whose CPU and memory are the contender's. */
  pids: number[];
  databaseCpuMs?: () => number | undefined;
  /** Whether it is this server, which must do every scenario. */
  isOwn?: boolean;
  stop(): Promise<void>;
}

export interface Mock {
  baseUrl: string;
  pid: number;
  billedTo(key: string): Promise<{ requests: number; promptTokens: number; completionTokens: number }>;
  stop(): Promise<void>;
}

export async function startMock(delayMs: number): Promise<Mock> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'mock-provider.js'), String(delayMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = `http://127.0.0.1:${await firstLine(child)}`;
  return {
    baseUrl: `${url}/v1`,
    pid: child.pid!,
    billedTo: async (key) => {
      const all = (await (await fetch(`${url}/billed`)).json()) as Record<
        string,
        { requests: number; promptTokens: number; completionTokens: number }
      >;
      return all[`Bearer ${key}`] ?? { requests: 0, promptTokens: 0, completionTokens: 0 };
    },
    stop: () => end(child),
  };
}

/** Straight to the provider: the ceiling. */
export function straight(mock: Mock): Promise<Contender> {
  return Promise.resolve({
    name: 'straight',
    description: 'no gateway, straight to the mock provider',
    urls: [`${mock.baseUrl}/chat/completions`],
    headers: [{ authorization: 'Bearer straight' }],
    pids: [mock.pid],
    stop: () => Promise.resolve(),
  });
}

export async function bareProxy(mock: Mock): Promise<Contender> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bare-proxy.js'), mock.baseUrl], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return {
    name: 'bare proxy',
    description: 'a proxy of thirty lines on undici: the limit of this runtime',
    urls: [`http://127.0.0.1:${await firstLine(child)}/v1/chat/completions`],
    headers: [{ authorization: 'Bearer proxy' }],
    pids: [child.pid!],
    stop: () => end(child),
  };
}

/** A gateway of the same kind that meters nothing. Its HTTP adapter is held at 1.13.8: with a later one it answers every streamed request 500. */
export async function portkey(mock: Mock): Promise<Contender> {
  const peers = join(ROOT, 'bench', 'peers');
  const program = join(peers, 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js');
  if (!existsSync(program)) execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: peers, stdio: 'inherit' });
  const port = await freePort();
  const child = spawn(process.execPath, [program, `--port=${port}`, '--headless'], {
    stdio: 'ignore',
    env: { ...process.env, NODE_ENV: 'production' },
  });
  await untilListening(port);
  return {
    name: 'portkey',
    description: 'Portkey gateway 1.15.2, which does no metering',
    urls: [`http://127.0.0.1:${port}/v1/chat/completions`],
    headers: [
      { authorization: 'Bearer portkey', 'x-portkey-provider': 'openai', 'x-portkey-custom-host': mock.baseUrl },
    ],
    pids: [child.pid!],
    stop: () => end(child),
  };
}

export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout!.once('data', (data: Buffer) => resolve(data.toString().trim()));
    child.once('exit', () => reject(new Error('a process of the benchmark ended before it listened')));
  });
}

export function end(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill();
  return ended;
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing listens on port ${port}`);
}
