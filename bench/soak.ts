import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startMock } from './contenders.js';
import { run } from './measure.js';
import { residentBytesOf } from './process-stats.js';
import { SCENARIOS } from './scenarios.js';
import { spreadOf } from './summary.js';
import { Tollgate } from './tollgate.js';

/** Points of the curve, however long it takes. */
const SAMPLES = 120;

export interface SoakSettings {
  seconds: number;
  requestsPerSecond: number;
  connections: number;
}

export interface SoakReport {
  settings: SoakSettings;
  requests: number;
  latencyP99Ms: number;
  samples: { atSeconds: number; residentMebibytes: number }[];
  /** Medians: what a leak lets grow. */
  firstThirdMebibytes: number;
  lastThirdMebibytes: number;
  faults: string[];
}

/** A constant load of streams on this server alone, and what memory its process has meanwhile. */
export async function soak(settings: SoakSettings, say: (text: string) => void): Promise<SoakReport> {
  const { body } = SCENARIOS.find(({ name }) => name === 'sse-1k')!;
  const mock = await startMock(0);
  const tollgate = await Tollgate.start(mock);
  const server = await tollgate.contender('tollgate', 1);
  try {
    await run(server, { ...settings, body, seconds: Math.min(10, settings.seconds) });
    say(`${settings.requestsPerSecond} streams per second for ${settings.seconds} s …`);
    const load = run(server, { ...settings, body });
    const samples = await sampleUntil(load, server.pids[0]!, settings.seconds);
    const result = await load;
    const memory = samples.map(({ residentMebibytes }) => residentMebibytes);
    const third = Math.ceil(memory.length / 3);
    return {
      settings,
      requests: result.requests,
      latencyP99Ms: result.latencyP99Ms,
      samples,
      firstThirdMebibytes: spreadOf(memory.slice(0, third))!.median,
      lastThirdMebibytes: spreadOf(memory.slice(-third))!.median,
      faults: await tollgate.check(),
    };
  } finally {
    await server.stop();
    await tollgate.stop();
    await mock.stop();
  }
}

async function sampleUntil(load: Promise<unknown>, pid: number, seconds: number): Promise<SoakReport['samples']> {
  const samples: SoakReport['samples'] = [];
  let isOver = false;
  const over = () => (isOver = true);
  load.then(over, over);
  for (const began = performance.now(); !isOver; await sleep((seconds * 1_000) / SAMPLES)) {
    const resident = residentBytesOf(pid);
    if (resident === undefined) throw new Error('this system does not tell how much memory a process has');
    samples.push({
      atSeconds: Math.round((performance.now() - began) / 1_000),
      residentMebibytes: Math.round(resident / 1_048_576),
    });
  }
  return samples;
}

export function writeSoakReport(report: SoakReport, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `soak-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}
