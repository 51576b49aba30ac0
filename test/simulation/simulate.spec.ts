import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const COMMAND = join(import.meta.dirname, '..', '..', 'src', 'commands', 'simulate.js');

interface Run {
  exitCode: number;
  stdout: string;
  stderr: string;
}

function simulate(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], (error, stdout, stderr) =>
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

/** The figure behind a label, in µcr where it has a fraction. */
function figure(stdout: string, label: string): bigint {
  const line = stdout.split('\n').find((text) => text.startsWith(`${label}  `));
  if (!line) throw new Error(`no line begins with "${label}"`);
  return BigInt(line.slice(label.length).trim().replace('.', ''));
}

describe('npm run simulate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-simulate-spec-'));
  const out = join(folder, 'simulation.html');
  let first: Run;
  let second: Run;

  beforeAll(async () => {
    const args = ['--subscriptions', '20', '--months', '3', '--seed', '7', '--out', out];
    first = await simulate(...args);
    second = await simulate(...args);
  }, 240_000);

  afterAll(() => rmSync(folder, { recursive: true }));

  it('ends with books in which all that was given is used, gone, owed or still there', () => {
    const of = (label: string): bigint => figure(first.stdout, label);
    const given =
      of('granted with plans') +
      of('purchased') +
      of('granted as promotions') +
      of('adjusted by operators') +
      of('refunded to grants') +
      of('refunded of debt') +
      of('owed at the end');
    const spent = of('used') + of('expired') + of('forfeited') + of('remaining at the end');

    expect(first.stderr).not.toContain('Error');
    expect(first.stdout).toMatch(/^The books balance/m);
    expect(first.exitCode).toBe(0);
    expect(given).toBe(spent);
    expect(of('Σ given + debt')).toBe(given);
    expect(of('granted with plans')).toBeGreaterThan(0n);
    expect(of('used')).toBeGreaterThan(0n);
    expect(of('carried into a next period')).toBeGreaterThan(0n);
    expect(of('periods closed')).toBeGreaterThan(20n);
    expect(of('settle partial')).toBeGreaterThan(0n);
    expect(of('hold expired by the sweeper')).toBeGreaterThan(0n);
  });

  // Fails when a person draws from random numbers that others share, or a decision reads the wall clock.
  it('tells the same story for the same seed', () => {
    expect(second.stdout).toBe(first.stdout);
  });

  it('shows its progress and writes one page that needs nothing else', () => {
    const page = readFileSync(out, 'utf8');
    expect(first.stderr).toMatch(/month 3 of 3: \d+ requests, \d+ per second, 0 s left/);
    expect(page.match(/<svg /g)).toHaveLength(3);
    expect(page).toContain('prefers-color-scheme:dark');
    expect(page).not.toMatch(/<script|https?:|url\(|<link|<img/);
    expect(page).toContain('The books balance');
  });

  it('refuses arguments that make no sense, all at once, before it starts anything', async () => {
    const { exitCode, stderr } = await simulate(
      '--subscriptions',
      '0',
      '--months',
      '61',
      '--seed',
      'x',
      '--out',
      'a.png',
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain('--subscriptions must be a whole number from 1 to 20000, not "0"');
    expect(stderr).toContain('--months must be a whole number from 1 to 60, not "61"');
    expect(stderr).toContain('--seed must be a whole number from 0 to 4294967295, not "x"');
    expect(stderr).toContain('--out must name an .html file');
  });

  it('explains itself', async () => {
    const { exitCode, stdout } = await simulate('--help');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('npm run simulate -- [--subscriptions 1000] [--months 24]');
    expect(existsSync('simulation.html')).toBe(false);
  });
});
