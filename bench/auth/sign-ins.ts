import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import * as client from 'openid-client';
import { PasswordHasher } from '../../src/auth/identity/password-hasher.js';
import { UserRepository } from '../../src/auth/identity/user.repository.js';
import { Browser } from '../../test/auth/browser.js';
import { authorizationRequest, discover, type Person, signIn } from '../../test/auth/desktop-client.js';

const PASSWORD = 'a password of the benchmark';
const SIGNING_IN = 8;
/** Who asks for the plain route meanwhile. */
const CALLERS = 4;

export interface SignIns {
  refreshesPerSecond: number;
  signInsPerSecond: number;
  plainP99Ms: number;
  plainP99WhileHashingMs: number;
  /** Until the last of those who signed in at once was in. */
  hashingMs: number;
}

export async function preparePeople(app: NestFastifyApplication, count: number): Promise<Person[]> {
  const passwordHash = await app.get(PasswordHasher).hash(PASSWORD);
  const people = Array.from({ length: count }, (_, index) => ({
    email: `person-${index}@bench.example`,
    password: PASSWORD,
  }));
  for (const { email } of people) {
    const user = { email, passwordHash, displayName: null, role: 'user', isEmailVerified: true } as const;
    await app.get(UserRepository).add(user);
  }
  return people;
}

/** Sign-ins and refreshes as a desktop app makes them, and what many of them at once do to everybody else. */
export async function measureSignIns(
  url: string,
  people: readonly Person[],
  load: { devices: number; seconds: number },
): Promise<SignIns> {
  const { devices, seconds } = load;
  const configuration = await discover(url);
  const tokens: string[] = [];
  for (const person of people.slice(0, devices)) {
    tokens.push((await signIn(configuration, new Browser(url), person)).refresh_token ?? '');
  }
  const refreshesPerSecond = await perSecond(seconds, devices, async (device) => {
    tokens[device] = (await client.refreshTokenGrant(configuration, tokens[device]!)).refresh_token ?? '';
  });
  const signInsPerSecond = await perSecond(seconds, Math.min(SIGNING_IN, people.length), async (caller) => {
    await signIn(configuration, new Browser(url), people[caller]!);
  });
  const sendAll = await Promise.all(people.map((person) => beforePassword(url, configuration, person)));
  const plainP99Ms = await p99While(url, () => sleep(seconds * 1_000));
  const began = performance.now();
  const plainP99WhileHashingMs = await p99While(url, () => Promise.all(sendAll.map((send) => send())));
  return {
    refreshesPerSecond,
    signInsPerSecond,
    plainP99Ms,
    plainP99WhileHashingMs,
    hashingMs: performance.now() - began,
  };
}

/** A sign-in up to its password; the answer sends that. */
async function beforePassword(
  url: string,
  configuration: client.Configuration,
  person: Person,
): Promise<() => Promise<void>> {
  const browser = new Browser(url);
  const page = await browser.follow((await authorizationRequest(configuration)).address.href);
  return async () => {
    const { status } = await browser.postJson(`${new URL(page.url).pathname}/login`, { ...person });
    if (status !== 200) throw new Error(`a sign-in was answered ${status}`);
  };
}

async function perSecond(seconds: number, callers: number, work: (caller: number) => Promise<void>): Promise<number> {
  const began = performance.now();
  const until = began + seconds * 1_000;
  let done = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (performance.now() < until) {
        await work(caller);
        done += 1;
      }
    }),
  );
  return (done * 1_000) / (performance.now() - began);
}

/** The 99th percentile of a route that needs nothing but the process, while something else goes on. */
async function p99While(url: string, work: () => Promise<unknown>): Promise<number> {
  const samples: number[] = [];
  let isOver = false;
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!isOver) {
      const began = performance.now();
      await (await fetch(`${url}/health/live`)).arrayBuffer();
      samples.push(performance.now() - began);
    }
  });
  try {
    await work();
  } finally {
    isOver = true;
  }
  await Promise.all(callers);
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
}
