import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandResult } from './server-process.js';
import type { Visit } from './scripted-browser.js';

const MAIN = join(import.meta.dirname, '..', '..', 'examples', 'desktop', 'main.js');
const SCRIPTED_BROWSER = join(import.meta.dirname, 'scripted-browser.js');

export interface DesktopRun {
  stdin?: string;
  /** What the person does in the browser; without it no browser can be started. */
  visit?: Visit;
  /** How far this computer's clock is from the right time. */
  clockMs?: number;
  env?: Record<string, string>;
}

interface KeptSignIn {
  accessToken: string;
  refreshToken: string;
  accessExpiresAtMs: number;
}

/** A computer with the example client on it: a folder for its sign-in, and any number of processes. */
export class DesktopComputer {
  private readonly folder = mkdtempSync(join(tmpdir(), 'tollgate-desktop-'));
  readonly tokenFile: string;

  constructor(private readonly server: string) {
    this.tokenFile = join(this.folder, 'tollgate-desktop', `${new URL(server).host.replace(':', '_')}.json`);
  }

  run(args: string[], { stdin = '', visit, clockMs, env = {} }: DesktopRun = {}): Promise<CommandResult> {
    const child = spawn(process.execPath, [MAIN, '--server', this.server, ...args], {
      env: {
        PATH: process.env['PATH'] ?? '',
        XDG_CONFIG_HOME: this.folder,
        BROWSER: visit ? `${process.execPath} ${SCRIPTED_BROWSER}` : '/nowhere/browser',
        ...(visit && { TEST_VISIT: JSON.stringify(visit) }),
        ...(clockMs && { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shiftClock(clockMs))}` }),
        ...env,
      },
    });
    child.stdin.on('error', () => undefined).end(stdin);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    return new Promise((resolve) => child.once('close', (code) => resolve({ exitCode: code ?? -1, stdout, stderr })));
  }

  kept(): KeptSignIn {
    return JSON.parse(readFileSync(this.tokenFile, 'utf8')) as KeptSignIn;
  }

  isSignedIn(): boolean {
    return existsSync(this.tokenFile);
  }

  change(changes: Partial<KeptSignIn>): void {
    writeFileSync(this.tokenFile, JSON.stringify({ ...this.kept(), ...changes }));
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function shiftClock(ms: number): string {
  return `const now = Date.now; Date.now = () => now() + ${ms};`;
}
