import autocannon from 'autocannon';
import type { Contender } from './contenders.js';
import { cpuMsOf, residentBytesOf } from './process-stats.js';

const WARM_UP_SECONDS = 1;

export interface Load {
  body: string;
  connections: number;
  seconds: number;
  /** All connections together; as fast as they can without it. */
  requestsPerSecond?: number;
}

/** One run of one contender. CPU is that of its process alone; `undefined` where the system does not tell. */
export interface Measurement {
  requestsPerSecond: number;
  latencyP50Ms: number;
  latencyP99Ms: number;
  cpuMicrosPerRequest: number | undefined;
  databaseCpuMicrosPerRequest: number | undefined;
  residentMebibytes: number | undefined;
}

/** @throws Error when an answer was no success: a fast refusal is no result. */
export async function measure(contender: Contender, load: Load): Promise<Measurement> {
  await run(contender, { ...load, seconds: WARM_UP_SECONDS });
  const cpuBefore = cpuMsOf(contender.pid);
  const databaseBefore = contender.databaseCpuMs?.();
  const result = await run(contender, load);
  const perRequest = (before: number | undefined, after: number | undefined): number | undefined =>
    before === undefined || after === undefined ? undefined : ((after - before) * 1_000) / result.requests.total;
  const resident = residentBytesOf(contender.pid);
  return {
    requestsPerSecond: result.requests.total / result.duration,
    latencyP50Ms: result.latency.p50,
    latencyP99Ms: result.latency.p99,
    cpuMicrosPerRequest: perRequest(cpuBefore, cpuMsOf(contender.pid)),
    databaseCpuMicrosPerRequest: perRequest(databaseBefore, contender.databaseCpuMs?.()),
    residentMebibytes: resident === undefined ? undefined : resident / 1_048_576,
  };
}

/** One load on one contender. @throws Error when an answer was no success: a fast refusal is no result. */
export async function run(contender: Contender, { body, connections, seconds, requestsPerSecond }: Load) {
  let connection = 0;
  const result = await autocannon({
    url: contender.url,
    method: 'POST',
    body,
    connections,
    duration: seconds,
    ...(requestsPerSecond && { overallRate: requestsPerSecond }),
    // Each connection is one user: taking turns in step would make every account hot, one after the other.
    setupClient: (client) => {
      const headers = contender.headers[connection % contender.headers.length]!;
      client.setHeaders({ 'content-type': 'application/json', ...headers });
      connection += 1;
    },
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(
      `${contender.name}: ${result.non2xx} answers were no success and ${result.errors} connections failed, of ${result.requests.total}`,
    );
  }
  return result;
}
