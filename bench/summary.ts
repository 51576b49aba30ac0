import type { LatencyMeasurement } from './latency.js';
import type { Measurement } from './measure.js';

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** One contender in one scenario, over all rounds. */
export interface Row {
  scenario: string;
  contender: string;
  requestsPerSecond: Spread;
  cpuMicrosPerRequest: Spread | null;
  databaseCpuMicrosPerRequest: Spread | null;
  residentMebibytes: Spread | null;
  latencyP99Ms: Spread;
  firstByteP50Ms: Spread;
  firstByteP99Ms: Spread;
}

export function spreadOf(values: readonly (number | undefined)[]): Spread | null {
  const known = values.filter((value) => value !== undefined).toSorted((a, b) => a - b);
  if (known.length === 0) return null;
  return { median: known[Math.floor(known.length / 2)]!, min: known[0]!, max: known.at(-1)! };
}

export function summarise(
  scenario: string,
  contender: string,
  rounds: readonly (Measurement & LatencyMeasurement)[],
): Row {
  const of = (pick: (round: Measurement & LatencyMeasurement) => number | undefined): Spread | null =>
    spreadOf(rounds.map(pick));
  return {
    scenario,
    contender,
    requestsPerSecond: of((round) => round.requestsPerSecond)!,
    cpuMicrosPerRequest: of((round) => round.cpuMicrosPerRequest),
    databaseCpuMicrosPerRequest: of((round) => round.databaseCpuMicrosPerRequest),
    residentMebibytes: of((round) => round.residentMebibytes),
    latencyP99Ms: of((round) => round.latencyP99Ms)!,
    firstByteP50Ms: of((round) => round.firstByteP50Ms)!,
    firstByteP99Ms: of((round) => round.firstByteP99Ms)!,
  };
}

/** The ratios that the goals are set in, each within one run: this server's figure over the peer's. */
export function ratios(rows: readonly Row[]): { scenario: string; name: string; value: number; goal: string }[] {
  const found = [];
  const [hot, spread] = ['hot-user', 'thousand-users'].map((name) => rows.find(({ scenario }) => scenario === name));
  if (hot && spread) {
    const value = hot.requestsPerSecond.median / spread.requestsPerSecond.median;
    found.push({ scenario: 'hot-user', name: 'throughput against 1 000 users', value, goal: '≥ 0.7' });
  }
  for (const scenario of new Set(rows.map((row) => row.scenario))) {
    const of = (contender: string): Row | undefined =>
      rows.find((row) => row.scenario === scenario && row.contender === contender);
    const [own, peer, proxy] = [of('tollgate'), of('portkey'), of('bare proxy')];
    if (own && peer) {
      found.push({
        scenario,
        name: 'throughput against Portkey',
        value: own.requestsPerSecond.median / peer.requestsPerSecond.median,
        goal: '≥ 3',
      });
      found.push({ scenario, name: 'CPU per request against Portkey', value: share(own, peer), goal: '≤ 0.25' });
      found.push({ scenario, name: 'memory against Portkey', value: memoryShare(own, peer), goal: '< 1' });
    }
    if (own && proxy) {
      found.push({ scenario, name: 'CPU per request against the bare proxy', value: share(own, proxy), goal: '≤ 3.5' });
      found.push({
        scenario,
        name: 'added first byte over the bare proxy, ms at p50',
        value: own.firstByteP50Ms.median - proxy.firstByteP50Ms.median,
        goal: '≤ 5',
      });
      found.push({
        scenario,
        name: 'added first byte over the bare proxy, ms at p99',
        value: own.firstByteP99Ms.median - proxy.firstByteP99Ms.median,
        goal: '≤ 25',
      });
    }
  }
  return found;
}

function share(own: Row, other: Row): number {
  return own.cpuMicrosPerRequest && other.cpuMicrosPerRequest
    ? own.cpuMicrosPerRequest.median / other.cpuMicrosPerRequest.median
    : NaN;
}

function memoryShare(own: Row, other: Row): number {
  return own.residentMebibytes && other.residentMebibytes
    ? own.residentMebibytes.median / other.residentMebibytes.median
    : NaN;
}
