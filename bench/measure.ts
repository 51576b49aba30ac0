import autocannon from 'autocannon';
import type { Contender } from './contenders.js';
import { cpuMsOf, residentBytesOf } from './process-stats.js';

/** Before each measurement: connections are open again and the others' data has left the caches. */
const WARM_UP_SECONDS = 1;
/** Far beyond every time limit of the contenders. */
const TIMEOUT_SECONDS = 120;

export interface Load {
  body: string;
  connections: number;
  seconds: number;
  /** All connections together; as fast as they can without it. */
  requestsPerSecond?: number;
  /** How many users send; without it one for each connection. */
  users?: number | undefined;
}

/** One run of one contender. CPU is that of its process alone; `undefined` where the system does not tell. */
export interface Measurement {
  requestsPerSecond: number;
  latencyP99Ms: number;
  cpuMicrosPerRequest: number | undefined;
  databaseCpuMicrosPerRequest: number | undefined;
  residentMebibytes: number | undefined;
}

/** @throws Error when an answer was no success: a fast refusal is no result. */
export async function measure(contender: Contender, load: Load): Promise<Measurement> {
  await run(contender, { ...load, seconds: WARM_UP_SECONDS });
  const cpuBefore = sumOf(contender.pids.map(cpuMsOf));
  const databaseBefore = contender.databaseCpuMs?.();
  const result = await run(contender, load);
  const perRequest = (before: number | undefined, after: number | undefined): number | undefined =>
    before === undefined || after === undefined || result.requests === 0
      ? undefined
      : ((after - before) * 1_000) / result.requests;
  const resident = sumOf(contender.pids.map(residentBytesOf));
  return {
    requestsPerSecond: result.requests / result.seconds,
    latencyP99Ms: result.latencyP99Ms,
    cpuMicrosPerRequest: perRequest(cpuBefore, sumOf(contender.pids.map(cpuMsOf))),
    databaseCpuMicrosPerRequest: perRequest(databaseBefore, contender.databaseCpuMs?.()),
    residentMebibytes: resident === undefined ? undefined : resident / 1_048_576,
  };
}

function sumOf(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce((sum, value) => (sum === undefined || value === undefined ? undefined : sum + value), 0);
}

/**
 * One load on all processes of a contender at once, each with its part of the connections.
 * @throws Error when an answer was no success: a fast refusal is no result.
 */
export async function run(contender: Contender, load: Load) {
  const { urls } = contender;
  const results = await Promise.all(urls.map((_url, part) => runPart(contender, load, part)));
  const failed = results.reduce((sum, { non2xx, errors }) => sum + non2xx + errors, 0);
  const requests = results.reduce((sum, result) => sum + result.requests.total, 0);
  if (failed > 0) throw new Error(`${contender.name}: ${failed} of ${requests} requests were no success`);
  return {
    requests,
    seconds: Math.max(...results.map(({ duration }) => duration)),
    latencyP99Ms: Math.max(...results.map(({ latency }) => latency.p99)),
  };
}

function runPart({ urls, headers }: Contender, load: Load, part: number) {
  const { body, connections, seconds, users, requestsPerSecond } = load;
  let connection = part;
  return autocannon({
    url: urls[part]!,
    method: 'POST',
    body,
    connections: connections / urls.length,
    duration: seconds,
    ...(requestsPerSecond && { overallRate: requestsPerSecond / urls.length }),
    timeout: TIMEOUT_SECONDS,
    setupClient: (client) => {
      client.setRequests(
        usersOf(connection, connections, users).map((user) => ({
          headers: { 'content-type': 'application/json', ...headers[user % headers.length] },
        })),
      );
      connection += urls.length;
    },
  });
}

/**
 * Who sends over a connection. Without a number of users each connection is one: taking turns in step would make every account hot, one after
 * the other.
 */
function usersOf(connection: number, connections: number, users = connections): number[] {
  const turns = Math.max(1, Math.ceil(users / connections));
  return Array.from({ length: turns }, (_, turn) => (connection + turn * connections) % users);
}
