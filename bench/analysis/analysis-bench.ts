import { STREAMS_PER_USER_MAX } from '../../src/jobs/events/event-streams.service.js';
import { startServerProcess } from '../../test/support/server-process.js';
import { describeMachine, loadAverage, type Machine } from '../machine.js';
import { measureQueries, type QueryRow } from '../usage/usage-measures.js';
import { analysisQueries } from './analysis-queries.js';
import { type AnalysesSize, seedAnalyses, someAnalysisOf } from './analysis-seed.js';
import { AnalysisStage } from './analysis-stage.js';
import { measureStarts, type Starts } from './starts.js';
import { measureStreams, type Streams } from './streams.js';
import { measureThroughput, type Throughput } from './throughput.js';

export interface AnalysisSettings extends AnalysesSize {
  /** Jobs of each contender in each round. */
  jobs: number;
  rounds: number;
  /** Analyses whose start is waited for. */
  starts: number;
  /** Of each question, after one that warms up. */
  repeats: number;
  streams: number;
  /** How long the streams stay open. */
  seconds: number;
}

export const FULL_ANALYSIS: AnalysisSettings = {
  jobs: 3_000,
  rounds: 3,
  starts: 200,
  rows: 1_000_000,
  days: 360,
  repeats: 30,
  streams: 1_000,
  seconds: 300,
};
/** Sizes at which everything runs once and nothing is proved but that. */
export const QUICK_ANALYSIS: AnalysisSettings = {
  jobs: 40,
  rounds: 1,
  starts: 5,
  rows: 2_000,
  days: 360,
  repeats: 2,
  streams: 20,
  seconds: 3,
};

const USERS_MIN = 50;

export interface AnalysisReport {
  startedAt: string;
  machine: Machine & { loadAverage: [before: number, after: number] };
  settings: AnalysisSettings;
  throughput: Throughput;
  starts: Starts;
  seededSeconds: number;
  queries: QueryRow[];
  streams: Streams;
  /** Empty when the ledger equals the provider's bill, every invariant holds and every event arrived. */
  faults: string[];
}

/** Measures analyses on a PostgreSQL of its own: the queue, starts, event streams, and lists and reports over very many. */
export async function runAnalysisBench(
  settings: AnalysisSettings,
  say: (text: string) => void,
): Promise<AnalysisReport> {
  const startedAt = new Date().toISOString();
  const loadBefore = loadAverage();
  const stage = await AnalysisStage.start(Math.max(USERS_MIN, Math.ceil(settings.streams / STREAMS_PER_USER_MAX)));
  try {
    const throughput = await measureThroughput(stage, settings, say);
    say('starts on an idle server');
    const starts = await measureStarts(stage, settings.starts);
    const streams = await measureStreams(stage, settings, say);
    say('checking the books');
    const faults = [...streams.faults, ...(await stage.faults())];
    const dashboards = await measureDashboards(stage, settings, say);
    const machine = { ...describeMachine(), loadAverage: [loadBefore, loadAverage()] as [number, number] };
    return { startedAt, machine, settings, throughput, starts, ...dashboards, streams, faults };
  } finally {
    await stage.stop();
  }
}

async function measureDashboards(
  stage: AnalysisStage,
  settings: AnalysisSettings,
  say: (text: string) => void,
): Promise<Pick<AnalysisReport, 'seededSeconds' | 'queries'>> {
  const [{ id, token }] = stage.users as [AnalysisStage['users'][number]];
  const began = performance.now();
  await seedAnalyses(stage.client, id, settings, say);
  const seededSeconds = (performance.now() - began) / 1_000;
  const server = await startServerProcess({ ...stage.env, JOBS: 'off' });
  try {
    const askers = {
      operator: { url: server.url, token: stage.operatorToken },
      user: { url: server.url, token },
    };
    const asked = analysisQueries(id, await someAnalysisOf(stage.client, id));
    return { seededSeconds, queries: await measureQueries(asked, askers, settings, say) };
  } finally {
    await server.end();
  }
}
