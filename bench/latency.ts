import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Contender } from './contenders.js';
import { quantile } from './quantile.js';

/** A moderate load that comes whatever is still under way: few enough that hardly anything queues. What is measured is the way through. */
const REQUESTS_PER_SECOND_MAX = 100;
const SHARE_OF_THROUGHPUT = 0.1;
/** Those who wait open connections of their own rather than queue. */
const CONNECTIONS = 64;

export interface LatencyMeasurement {
  firstByteP50Ms: number;
  firstByteP99Ms: number;
}

/**
 * Time from sending a request to the first byte of its answer's body, at a constant rate: a tenth of the requests per second that were the
 * most before, or a hundred. The first `users` take turns: those that the load before had, for whoever comes for the very first time is given a
 * subscription and a grant on the way.
 * @throws Error when an answer was no success.
 */
export async function measureLatency(
  contender: Contender,
  { body, users, seconds, throughput }: { body: string; users: number; seconds: number; throughput: number },
): Promise<LatencyMeasurement> {
  const dispatcher = new Agent({ connections: CONNECTIONS });
  const perSecond = Math.min(REQUESTS_PER_SECOND_MAX, throughput * SHARE_OF_THROUGHPUT);
  const began = performance.now();
  const sent: Promise<number>[] = [];
  for (let turn = 0; turn < seconds * perSecond; turn += 1) {
    const waitMs = began + (turn * 1_000) / perSecond - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const first = firstByteMs(contender, { body, turn, users: Math.min(users, contender.headers.length), dispatcher });
    // Heard below, with the rest.
    first.catch(() => undefined);
    sent.push(first);
  }
  const times = await Promise.all(sent);
  await dispatcher.close();
  return { firstByteP50Ms: quantile(times, 0.5), firstByteP99Ms: quantile(times, 0.99) };
}

async function firstByteMs(
  { name, urls, headers }: Contender,
  { body, turn, users, dispatcher }: { body: string; turn: number; users: number; dispatcher: Agent },
): Promise<number> {
  const began = performance.now();
  const answer = await request(urls[turn % urls.length]!, {
    method: 'POST',
    dispatcher,
    headers: { 'content-type': 'application/json', ...headers[turn % users] },
    body,
  });
  let first: number | undefined;
  for await (const _part of answer.body) first ??= performance.now() - began;
  if (answer.statusCode !== 200 || first === undefined) throw new Error(`${name} answered ${answer.statusCode}`);
  return first;
}
