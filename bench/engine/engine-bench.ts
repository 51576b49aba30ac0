import { describeMachine, loadAverage } from '../machine.js';
import { EngineServer } from './engine-server.js';
import type { EngineReport } from './engine-report.js';
import { measurePairs, type PairSettings, type Tamper } from './pair-rounds.js';
import { measurePeriods } from './periods.js';

export interface EngineSettings extends PairSettings {
  /** Subscriptions whose periods are closed, smallest first. */
  sizes: number[];
}

/** Sizes at which the figures mean something; minutes up to 100 000 subscriptions, the better part of an hour with a million. */
export const FULL: EngineSettings = {
  accounts: 10_000,
  seconds: 3,
  rounds: 3,
  tpcScale: 10,
  sizes: [10_000, 100_000, 1_000_000],
};
/** Sizes at which everything runs once and nothing is proved but that. */
export const QUICK: EngineSettings = { accounts: 50, seconds: 0.2, rounds: 1, tpcScale: 1, sizes: [100, 200] };

/**
 * Measures the credit engine on a PostgreSQL of its own: pairs of reserve and settle, the close of periods, the reconciliation. The books are
 * checked after each load, and what is wrong with them is in `faults`. `tamper` is for a test that spoils them before.
 */
export async function runEngineBench(
  settings: EngineSettings,
  say: (text: string) => void,
  tamper?: Tamper,
): Promise<EngineReport> {
  const startedAt = new Date().toISOString();
  const loadBefore = loadAverage();
  const server = await EngineServer.start();
  try {
    const report: Pick<EngineReport, 'pairs' | 'periods' | 'faults'> = { pairs: [], periods: [], faults: [] };
    const { sizes, ...pairSettings } = settings;
    if (settings.rounds > 0 && settings.seconds > 0) {
      const measured = await measurePairs(server, pairSettings, say, tamper);
      report.pairs = measured.rows;
      report.faults.push(...measured.faults);
    }
    for (const subscriptions of sizes) {
      const measured = await measurePeriods(server, { subscriptions, rounds: settings.rounds }, say, tamper);
      report.periods.push(measured.row);
      report.faults.push(...measured.faults.map((fault) => `${subscriptions} subscriptions: ${fault}`));
    }
    const machine = { ...describeMachine(), loadAverage: [loadBefore, loadAverage()] as [number, number] };
    return { startedAt, machine, settings, ...report };
  } finally {
    await server.stop();
  }
}
