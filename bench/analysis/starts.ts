import { setTimeout as sleep } from 'node:timers/promises';
import { startServerProcess } from '../../test/support/server-process.js';
import { quantile } from '../quantile.js';
import type { AnalysisStage } from './analysis-stage.js';
import { sendAnalysis } from './send-analyses.js';

/** Between two, so that none meets another. */
const PAUSE_MS = 100;
const WARM_UP = 10;

export interface Starts {
  count: number;
  p50Ms: number;
  p99Ms: number;
}

/** From the moment that a client sends an analysis to the moment that a worker has it, on a server that has nothing else to do. */
export async function measureStarts(stage: AnalysisStage, count: number): Promise<Starts> {
  const server = await startServerProcess(stage.env);
  const sent: { id: string; at: number }[] = [];
  try {
    for (let number = 0; number < WARM_UP + count; number += 1) {
      const at = Date.now();
      sent.push({ at, id: await sendAnalysis(server.url, stage.users[number % stage.users.length]!, 'start') });
      await sleep(PAUSE_MS);
    }
    await stage.untilAllEnded();
  } finally {
    await server.end();
  }
  const { rows } = await stage.client.query<{ id: string; at: Date }>(
    `select entity_id as id, created_at as at from entity_events where name = 'started' and entity_id = any($1)`,
    [sent.map(({ id }) => id)],
  );
  const startedAt = new Map(rows.map(({ id, at }) => [id, at.getTime()]));
  const times = sent.slice(WARM_UP).map(({ id, at }) => startedAt.get(id)! - at);
  return { count, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}
