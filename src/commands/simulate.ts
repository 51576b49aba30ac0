import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import type { INestApplicationContext } from '@nestjs/common';
import { createApp } from '../bootstrap.js';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { CreditsService } from '../credits/credits.service.js';
import { GrantExpiryService } from '../credits/grant-expiry.service.js';
import { HoldSweeper } from '../credits/hold-sweeper.js';
import { LedgerService } from '../credits/ledger.service.js';
import { EmbeddedServer } from '../database/embedded-server.js';
import { CatalogueService } from '../models/catalogue.service.js';
import { migrateAndSeedCatalogue } from '../prepare-database.js';
import { readMonths, readTotals, sidesOf, toLines } from '../simulation/figures.js';
import { Simulation, type SimulationProgress, type SimulationServices } from '../simulation/simulation.js';
import { readSimulationOptions, type SimulationOptions } from '../simulation/simulation-options.js';
import { toPage } from '../simulation/simulation-page.js';
import { PlanChangeService } from '../subscription/plan-change.service.js';
import { RolloverService } from '../subscription/rollover.service.js';
import { SubscriptionLifecycleService } from '../subscription/subscription-lifecycle.service.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import { MeteringService } from '../usage/metering.service.js';
import { ReconciliationService } from '../usage/reconciliation.service.js';
import { note, runAlone, say } from './run-command.js';

const MODEL = 'sandbox-echo';
/** Nothing that is lost with the machine is missed: what a commit waits for is left out. */
const SERVER_SETTINGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_wal_size=4GB'];

await runAlone({
  usage: `Usage: npm run simulate -- [--subscriptions 1000] [--months 24] [--seed 1] [--out simulation.html] [--keep]

Lives through months of subscriptions in minutes, on an embedded database of its own that is removed afterwards: requests, plan changes,
cancellations, suspensions, failed payments, purchases, promotions, corrections, and days on which no job runs. Ends with the reconciliation
and a summary, and writes charts to --out. Exit code 1 when the books do not balance. The same seed gives the same figures.

  --subscriptions  1 to 20000
  --months         1 to 60, from January 2026 on
  --seed           0 to 4294967295
  --out            an .html file in a folder that exists
  --keep           leaves the database behind, and says where`,
  options: {
    subscriptions: { type: 'string' },
    months: { type: 'string' },
    seed: { type: 'string' },
    out: { type: 'string' },
    keep: { type: 'boolean' },
  },
  run: async (values, signal) => simulate(readSimulationOptions(values), signal),
});

async function simulate(options: SimulationOptions, signal: AbortSignal): Promise<number> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tollgate-simulation-'));
  const server = await EmbeddedServer.start({
    dataDir,
    isDataDirChosen: true,
    onMessage: note,
    settings: SERVER_SETTINGS,
  });
  try {
    const config = Config.load({ DATA_DIR: dataDir, JOBS: 'off', LOG_LEVEL: 'silent', DATABASE_URL: server.url });
    const app = await createApp(config);
    try {
      await migrateAndSeedCatalogue(config, note);
      return await runAndReport(app, options, signal);
    } finally {
      await app.close();
    }
  } finally {
    await server.stop();
    if (options.keep) note(`The database is kept. To look at it: DATA_DIR=${dataDir} npm start`);
    else rmSync(dataDir, { recursive: true, force: true });
  }
}

async function runAndReport(
  app: INestApplicationContext,
  options: SimulationOptions,
  signal: AbortSignal,
): Promise<number> {
  const { subscriptions, months, seed, out } = options;
  const services = await servicesOf(app);
  const simulation = new Simulation(services, options);
  await simulation.run(progressOf(performance.now()), signal);
  note('Checking the books …');
  const { checks, isBalanced } = await app.get(ReconciliationService).run();
  for (const check of checks.filter(({ isBroken }) => isBroken)) {
    for (const { userId, subject, detail } of check.offenders)
      say(`BROKEN ${check.name}: ${subject}${userId ? ` of user ${userId}` : ''}: ${detail}`);
  }
  const totals = await readTotals(services.em);
  const { given, spent } = sidesOf(totals);
  const isWhole = isBalanced && given === spent;
  const lines = toLines(totals, simulation.outcomes.entries());
  const verdict = isWhole ? `The books balance (${checks.length} checks).` : 'The books do not balance.';
  const title = `Tollgate simulation: ${subscriptions} subscriptions, ${months} months, seed ${seed}`;
  for (const line of [title, '', ...lines, '', verdict]) say(line);
  writeFileSync(out, toPage({ title, verdict, months: await readMonths(services.em), lines }));
  note(`Charts: ${out}`);
  return isWhole ? 0 : 1;
}

/** The services as the server has them; the modules are not initialised, so no job and no timer runs beside. */
async function servicesOf(app: INestApplicationContext): Promise<SimulationServices> {
  const catalogue = app.get(CatalogueService);
  await catalogue.reload();
  const model = catalogue.find(MODEL);
  if (!model) throw new Error(`the catalogue has no model ${MODEL}`);
  const subscriptions = app.get(SubscriptionService);
  // What closes due periods when a balance is read.
  subscriptions.onModuleInit();
  const clock = app.get(Clock);
  return {
    em: app.get<MikroORM>(MikroORM).em.fork(),
    credits: app.get(CreditsService),
    ledger: app.get(LedgerService),
    subscriptions,
    lifecycle: app.get(SubscriptionLifecycleService),
    changes: app.get(PlanChangeService),
    metering: app.get(MeteringService),
    rollover: app.get(RolloverService),
    expiry: app.get(GrantExpiryService),
    sweeper: app.get(HoldSweeper),
    model,
    setClock: (now) => (clock.now = () => now),
  };
}

function progressOf(beganMs: number): (progress: SimulationProgress) => void {
  return ({ month, months, requests }) => {
    const seconds = (performance.now() - beganMs) / 1_000;
    const left = Math.ceil((seconds / month) * (months - month));
    note(
      `month ${month} of ${months}: ${requests} requests, ${(requests / seconds).toFixed(0)} per second, ${left} s left`,
    );
  };
}
