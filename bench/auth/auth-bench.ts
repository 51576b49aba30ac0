import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine, loadAverage, type Machine } from '../machine.js';
import { type Spread, spreadOf } from '../summary.js';
import { startAuthServer } from './auth-server.js';
import { measureSignIns, preparePeople, type SignIns } from './sign-ins.js';
import { measureTokenChecks, prepareTokens, type TokenChecks } from './token-checks.js';

/** A signed token that is verified has to be this many times as fast as a look-up of an opaque one. */
const RATIO_MIN = 2;

export interface AuthSettings {
  seconds: number;
  rounds: number;
  /** Who signs in at once: with 64, as many as may wait for the hasher. */
  people: number;
  /** Of whom as many refresh. */
  devices: number;
  tokens: number;
}

export const FULL: AuthSettings = { seconds: 3, rounds: 3, people: 64, devices: 32, tokens: 200 };
/** Small sizes that prove nothing but that everything runs. */
export const QUICK: AuthSettings = { seconds: 0.5, rounds: 1, people: 8, devices: 4, tokens: 8 };

type Round = TokenChecks & SignIns;

export interface AuthReport {
  startedAt: string;
  machine: Machine & { loadAverage: [before: number, after: number] };
  settings: AuthSettings;
  /** Of all rounds. */
  figures: Record<keyof Round, Spread>;
  /** The median over the rounds of what one round measured of both. */
  verifiedOverLookedUp: number;
  isBarMet: boolean;
}

/** Measures the check of tokens, refreshes and sign-ins on a server of its own. */
export async function runAuthBench(settings: AuthSettings, say: (text: string) => void): Promise<AuthReport> {
  const startedAt = new Date().toISOString();
  const before = loadAverage();
  const auth = await startAuthServer();
  try {
    const tokens = await prepareTokens(auth.app, settings.tokens);
    const people = await preparePeople(auth.app, settings.people);
    const rounds: Round[] = [];
    for (let round = 1; round <= settings.rounds; round += 1) {
      const checks = await measureTokenChecks(auth.app, tokens, settings.seconds);
      rounds.push({ ...checks, ...(await measureSignIns(auth.server.url, people, settings)) });
      say(`round ${round} of ${settings.rounds} is done`);
    }
    const ratio = spreadOf(
      rounds.map(({ verifiedPerSecond, lookedUpPerSecond }) => verifiedPerSecond / lookedUpPerSecond),
    );
    const machine = { ...describeMachine(), loadAverage: [before, loadAverage()] as [number, number] };
    const verifiedOverLookedUp = ratio!.median;
    const isBarMet = verifiedOverLookedUp >= RATIO_MIN;
    return { startedAt, machine, settings, figures: figuresOf(rounds), verifiedOverLookedUp, isBarMet };
  } finally {
    await auth.stop();
  }
}

function figuresOf(rounds: readonly Round[]): AuthReport['figures'] {
  const names = Object.keys(rounds[0]!) as (keyof Round)[];
  return Object.fromEntries(
    names.map((name) => [name, spreadOf(rounds.map((round) => round[name]))]),
  ) as AuthReport['figures'];
}

const WORDS: Readonly<Record<keyof Round, string>> = {
  openPerSecond: 'requests per second, route without a token',
  verifiedPerSecond: 'requests per second, a signed token is verified',
  lookedUpPerSecond: 'requests per second, an opaque token is looked up',
  refreshesPerSecond: 'refreshes per second',
  signInsPerSecond: 'full sign-ins per second: page, hash, consent, code',
  plainP99Ms: 'p99 of a plain route, ms',
  plainP99WhileHashingMs: 'p99 of it while all sign in at once, ms',
  hashingMs: 'until all had signed in, ms',
};

export function toAuthTable({ figures, verifiedOverLookedUp, machine, settings }: AuthReport): string {
  const shown = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
  const lines = (Object.keys(WORDS) as (keyof Round)[]).map((name) => {
    const { median, min, max } = figures[name];
    return `| ${WORDS[name].padEnd(52)} | ${shown(median)} (${shown(min)} to ${shown(max)}) |`;
  });
  return [
    `| ${'measured'.padEnd(52)} | median (of all rounds) |`,
    `| ${'-'.repeat(52)} | ---------------------- |`,
    ...lines,
    `| ${'verified : looked up, at least 2'.padEnd(52)} | ${verifiedOverLookedUp.toFixed(2)} |`,
    `| ${'people who sign in at once'.padEnd(52)} | ${settings.people} |`,
    `| ${'load average of the machine, before and after'.padEnd(52)} | ${machine.loadAverage.map(shown).join(', ')} |`,
  ].join('\n');
}

export function writeAuthReport(report: AuthReport, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `auth-${report.startedAt.slice(0, 19).replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}
