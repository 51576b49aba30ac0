import { Agent, request } from 'undici';
import type { Contender } from './contenders.js';

/** Few enough that nothing queues: what is measured is the way through, not the waiting. */
const CALLERS = 4;

export interface LatencyMeasurement {
  firstByteP50Ms: number;
  firstByteP99Ms: number;
}

/** Time from sending a request to the first byte of its answer's body, under a light load. */
export async function measureLatency(contender: Contender, body: string, seconds: number): Promise<LatencyMeasurement> {
  const dispatcher = new Agent({ connections: CALLERS });
  const samples: number[] = [];
  const until = performance.now() + seconds * 1_000;
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      for (let turn = caller; performance.now() < until; turn += CALLERS) {
        const headers = contender.headers[turn % contender.headers.length]!;
        const began = performance.now();
        const answer = await request(contender.urls[turn % contender.urls.length]!, {
          method: 'POST',
          dispatcher,
          headers: { 'content-type': 'application/json', ...headers },
          body,
        });
        let firstByteMs: number | undefined;
        for await (const _part of answer.body) firstByteMs ??= performance.now() - began;
        if (answer.statusCode !== 200 || firstByteMs === undefined)
          throw new Error(`${contender.name} answered ${answer.statusCode}`);
        samples.push(firstByteMs);
      }
    }),
  );
  await dispatcher.close();
  const sorted = samples.toSorted((a, b) => a - b);
  return { firstByteP50Ms: quantile(sorted, 0.5), firstByteP99Ms: quantile(sorted, 0.99) };
}

function quantile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
