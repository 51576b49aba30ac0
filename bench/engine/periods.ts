import { MikroORM } from '@mikro-orm/postgresql';
import type { INestApplicationContext } from '@nestjs/common';
import type pg from 'pg';
import { createApp } from '../../src/bootstrap.js';
import { Clock } from '../../src/common/clock.js';
import { GrantExpiryService } from '../../src/credits/grant-expiry.service.js';
import { RolloverService } from '../../src/subscription/rollover.service.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { type PeakMemory, watchMemory } from '../server-memory.js';
import { type Spread, spreadOf } from '../summary.js';
import type { EngineServer } from './engine-server.js';
import { type Tamper, withClient } from './pair-rounds.js';
import { FIRST_MONTH, makeCopies, seedSubscriptions, writeBare } from './period-seed.js';

const PROGRESS_MS = 30_000;
/** Sizes up to this one are closed several times in a row; a larger one takes minutes. */
const REPEATED_MAX = 50_000;
const ROUNDS_MAX = 3;

export interface PeriodRow {
  subscriptions: number;
  /** Close, expiry and next grant, by the product's own services. */
  closesPerSecond: Spread;
  rowsPerClose: number;
  /** The rate at which a bare `INSERT … SELECT` writes the rows of as many closes. */
  barePerSecond: Spread;
  /** The first over the second, round by round. */
  shareOfBare: Spread;
  clientPeakMebibytes: number;
  /** Memory of its own of the largest server process. */
  backendPeakMebibytes: number;
  reconciliationSeconds: number;
  postings: number;
}

interface Round extends PeakMemory {
  closeSeconds: number;
  bareSeconds: number;
  rows: number;
}

/** Closes one period of every subscription, then writes the same rows bare, over and over; then times the reconciliation. */
export async function measurePeriods(
  server: EngineServer,
  size: { subscriptions: number; rounds: number },
  say: (text: string) => void,
  tamper?: Tamper,
): Promise<{ row: PeriodRow; faults: string[] }> {
  const { subscriptions } = size;
  const name = `periods_${subscriptions}`;
  const url = await server.createDatabase(name);
  say(`${subscriptions} subscriptions: making them …`);
  await withClient(url, (client) => seedSubscriptions(client, subscriptions));
  const app = await createApp(server.configOf(name));
  try {
    const rounds: Round[] = [];
    for (let round = 1; round <= (subscriptions <= REPEATED_MAX ? Math.min(ROUNDS_MAX, size.rounds) : 1); round += 1) {
      const measured = await closeOnce(app, { url, subscriptions, round, serverPid: server.processId }, say);
      rounds.push(measured);
      const rate = (seconds: number): string => (subscriptions / seconds).toFixed(0);
      say(
        `${subscriptions} subscriptions, round ${round}: ${rate(measured.closeSeconds)} closes per second, bare ${rate(measured.bareSeconds)}`,
      );
    }
    if (tamper) await withClient(url, tamper);
    const { faults, ...reconciled } = await reconcile(app);
    say(`${subscriptions} accounts reconciled in ${reconciled.reconciliationSeconds.toFixed(1)} s`);
    const rates = (pick: (round: Round) => number): Spread => spreadOf(rounds.map(pick))!;
    const row: PeriodRow = {
      subscriptions,
      closesPerSecond: rates((round) => subscriptions / round.closeSeconds),
      rowsPerClose: rounds[0]!.rows / subscriptions,
      barePerSecond: rates((round) => subscriptions / round.bareSeconds),
      shareOfBare: rates((round) => round.bareSeconds / round.closeSeconds),
      clientPeakMebibytes: Math.max(...rounds.map((round) => round.clientPeakMebibytes)),
      backendPeakMebibytes: Math.max(...rounds.map((round) => round.backendPeakMebibytes)),
      ...reconciled,
    };
    return { row, faults };
  } finally {
    await app.close();
    await server.dropDatabase(name);
  }
}

async function closeOnce(
  app: INestApplicationContext,
  about: { url: string; subscriptions: number; round: number; serverPid: number },
  say: (text: string) => void,
): Promise<Round> {
  const { url, subscriptions, round } = about;
  const month = (index: number): Date => {
    const first = new Date(`${FIRST_MONTH}T00:00:00Z`);
    return new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + index, first.getUTCDate()) - 1);
  };
  // The last moment of the month after the round's: every subscription has had its day, none its second.
  const [now, before] = [month(round + 1), month(round)];
  app.get(Clock).now = () => now;
  await withClient(url, makeCopies);
  const peak = watchMemory(about.serverPid);
  const progress = setInterval(() => {
    withClient(url, closesSoFar).then(
      (closes) => say(`${subscriptions} subscriptions: ${closes} closes so far …`),
      say,
    );
  }, PROGRESS_MS);
  const began = performance.now();
  const totals = await app.get(RolloverService).run(now);
  await app.get(GrantExpiryService).expireGrants(now);
  const closeSeconds = (performance.now() - began) / 1_000;
  clearInterval(progress);
  const memory = peak.stop();
  if (totals.closed !== subscriptions) throw new Error(`${totals.closed} of ${subscriptions} periods were closed`);
  const bare = await withClient(url, (client) => writeBare(client, { now, before }));
  return { closeSeconds, bareSeconds: bare.seconds, rows: bare.rows, ...memory };
}

/** As the statistics have it, which costs the run nothing. */
async function closesSoFar(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ count: string }>(
    `select n_tup_ins as count from pg_stat_user_tables where relname = 'period_closes'`,
  );
  return rows[0]?.count ?? '0';
}

async function reconcile(
  app: INestApplicationContext,
): Promise<{ reconciliationSeconds: number; postings: number; faults: string[] }> {
  const began = performance.now();
  const { checks } = await app.get(ReconciliationService).run();
  const reconciliationSeconds = (performance.now() - began) / 1_000;
  const [row] = await app
    .get<MikroORM>(MikroORM)
    .em.fork()
    .execute<{ count: string }[]>('select count(*) as count from credit_postings');
  const faults = checks
    .filter(({ isBroken }) => isBroken)
    .map(({ name, offenders }) => `${name}: ${JSON.stringify(offenders[0])}`);
  return { reconciliationSeconds, postings: Number(row?.count), faults };
}
