import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { type ServerProcess, startServerProcess, startWorkerProcess } from '../../test/support/server-process.js';
import { end, firstLine } from '../contenders.js';
import { cpuMsOf } from '../process-stats.js';
import { type Spread, spreadOf } from '../summary.js';
import type { AnalysisStage } from './analysis-stage.js';
import { sendAnalyses } from './send-analyses.js';

/** Of one of this server's workers. */
const CONCURRENCY = 64;
const BARE_QUEUE = 'bare';
const LOOK_MS = 200;
/** Of the jobs; what is done before them warms up. */
const WARM_UP_SHARE = 0.1;

export type Contender = 'analyses' | 'pg-boss, singly' | 'pg-boss, together';
const BARE: Partial<Record<Contender, string>> = { 'pg-boss, singly': 'singly', 'pg-boss, together': 'together' };

export interface ThroughputRow {
  contender: Contender;
  jobsPerSecond: Spread;
  /** Of a job, warming up included. */
  workerCpuMicros: Spread | null;
  databaseCpuMicros: Spread | null;
}

export interface Throughput {
  rows: ThroughputRow[];
  /** Each taken over HTTP, held and queued. */
  submittedPerSecond: Spread;
}

interface Round {
  jobsPerSecond: number;
  workerCpuMicros: number | undefined;
  databaseCpuMicros: number | undefined;
}

/**
 * How fast full queues are worked off: analyses with a provider's answer, checked and charged, beside jobs that do nothing on the same server. All
 * are measured alike, by the times that the queue keeps, round by round in turns.
 */
export async function measureThroughput(
  stage: AnalysisStage,
  { jobs, rounds }: { jobs: number; rounds: number },
  say: (text: string) => void,
): Promise<Throughput> {
  const contenders: Contender[] = ['analyses', 'pg-boss, singly', 'pg-boss, together'];
  const results = new Map(contenders.map((contender) => [contender, [] as Round[]]));
  const submitted: number[] = [];
  const server = await startServerProcess({ ...stage.env, JOBS: 'off' });
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const contender of contenders) {
        if (contender === 'analyses') submitted.push(await sendAnalyses(server.url, stage.users, jobs));
        else await fillBare(stage, jobs);
        const measured = await workOff(stage, contender, jobs);
        results.get(contender)!.push(measured);
        say(`round ${round} of ${rounds}, ${contender}: ${measured.jobsPerSecond.toFixed(0)} jobs per second`);
      }
    }
  } finally {
    await server.end();
  }
  return { rows: contenders.map((name) => toRow(name, results.get(name)!)), submittedPerSecond: spreadOf(submitted)! };
}

function toRow(contender: Contender, rounds: readonly Round[]): ThroughputRow {
  return {
    contender,
    jobsPerSecond: spreadOf(rounds.map((round) => round.jobsPerSecond))!,
    workerCpuMicros: spreadOf(rounds.map((round) => round.workerCpuMicros)),
    databaseCpuMicros: spreadOf(rounds.map((round) => round.databaseCpuMicros)),
  };
}

async function fillBare({ env }: AnalysisStage, jobs: number): Promise<void> {
  const boss = new PgBoss({ connectionString: env['DATABASE_URL']!, schedule: false, supervise: false });
  await boss.start();
  await boss.createQueue(BARE_QUEUE);
  await boss.insert(
    BARE_QUEUE,
    Array.from({ length: jobs }, (_, number) => ({ data: { id: `job-${number}` } })),
  );
  await boss.stop({ graceful: false });
}

async function workOff(stage: AnalysisStage, contender: Contender, jobs: number): Promise<Round> {
  const manner = BARE[contender];
  const queue = manner ? BARE_QUEUE : 'analyses';
  const { client, server } = stage;
  await client.query('vacuum analyze pgboss.job_common');
  const databaseBefore = server.cpuMs;
  const worker = manner ? await startBare(stage, manner) : ownWorker(await startWorkerProcess({ ...stage.env }));
  try {
    while ((await stage.count(`pgboss.job where name = '${queue}' and state <= 'active'`)) > 0) await sleep(LOOK_MS);
    const perJob = (before: number | undefined, after: number | undefined): number | undefined =>
      before === undefined || after === undefined ? undefined : ((after - before) * 1_000) / jobs;
    const workerCpuMicros = perJob(worker.cpuMsBefore, cpuMsOf(worker.child.pid!));
    const databaseCpuMicros = perJob(databaseBefore, server.cpuMs);
    const jobsPerSecond = await readRate(stage, queue);
    return { jobsPerSecond, workerCpuMicros, databaseCpuMicros };
  } finally {
    await worker.stop();
    await client.query('delete from pgboss.job where name = $1', [queue]);
  }
}

interface Working {
  child: ChildProcess;
  cpuMsBefore: number | undefined;
  stop(): Promise<unknown>;
}

function ownWorker({ child, end: stop }: ServerProcess): Working {
  return { child, cpuMsBefore: cpuMsOf(child.pid!), stop };
}

async function startBare({ env }: AnalysisStage, manner: string): Promise<Working> {
  const args = [join(import.meta.dirname, 'bare-worker.js'), env['DATABASE_URL']!, BARE_QUEUE, manner];
  const child = spawn(process.execPath, [...args, String(CONCURRENCY)], { stdio: ['ignore', 'pipe', 'inherit'] });
  await firstLine(child);
  return { child, cpuMsBefore: cpuMsOf(child.pid!), stop: () => end(child) };
}

async function readRate({ client }: AnalysisStage, queue: string): Promise<number> {
  const { rows } = await client.query<{ per_second: number; failed: number }>(
    `with ended as (select completed_on, state, ntile(${1 / WARM_UP_SHARE}) over (order by completed_on) as part from pgboss.job where name = $1)
     select (count(*) / extract(epoch from max(completed_on) - min(completed_on)))::float8 as per_second,
       (count(*) filter (where state <> 'completed'))::integer as failed from ended where part > 1`,
    [queue],
  );
  const { per_second: perSecond, failed } = rows[0]!;
  if (failed > 0) throw new Error(`${failed} jobs of ${queue} failed`);
  return perSecond;
}
