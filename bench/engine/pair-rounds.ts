import { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { Clock } from '../../src/common/clock.js';
import type { Config } from '../../src/config/config.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { endedChildrenCpuMs } from '../process-stats.js';
import { type Spread, spreadOf } from '../summary.js';
import { type BenchAccount, seedAccounts } from './accounts.js';
import type { EngineServer } from './engine-server.js';
import { type PairClients, runPairs, type Way, WAYS } from './pairs.js';
import { SINGLE_PATH } from './single-path.js';
import { hasPgbench, runPgbench, runTpcB, seedTpcB, type TpcBWay } from './tpc-b.js';

/** As many connections as the best of those who send one request per call needs. */
const CONNECTIONS = 16;
/** Connections and plan caches are warm, as they are in a server that runs. */
const WARM_UP_SECONDS = 0.3;

export interface PairRow {
  /** `spread` over all accounts, or `hot`: all on one. */
  load: 'spread' | 'hot';
  contender: string;
  perSecond: Spread;
  serverMicros: Spread | null;
  clientMicros: Spread | null;
  /** Both together. */
  cpuMicros: Spread | null;
}

export interface PairSettings {
  accounts: number;
  seconds: number;
  rounds: number;
  /** pgbench's scale factor. */
  tpcScale: number;
}

interface Contender {
  name: string;
  /** Does its work for so long and answers how much of it was done. */
  run(accounts: readonly BenchAccount[], seconds: number): Promise<number>;
  /** Whether its client is another process. */
  isForeign?: boolean;
}

interface Sample {
  perSecond: number;
  serverMicros: number | undefined;
  clientMicros: number;
}

/** A look at the books before they are checked, for a test that spoils them. */
export type Tamper = (client: pg.ClientBase) => Promise<void>;

/** Pairs of reserve and settle by every way, spread and on one hot account, beside TPC-B. */
export async function measurePairs(
  server: EngineServer,
  settings: PairSettings,
  say: (text: string) => void,
  tamper?: Tamper,
): Promise<{ rows: PairRow[]; faults: string[] }> {
  const url = await server.createDatabase('pairs');
  const tpcUrl = await server.createDatabase('tpc_b');
  await withClient(tpcUrl, (client) => seedTpcB(client, settings.tpcScale));
  const accounts = await withClient(url, async (client) => {
    for (const sql of SINGLE_PATH) await client.query(sql);
    return seedAccounts(client, settings.accounts);
  });
  const options = ormOptions(url, server.configOf('pairs'), false);
  // Connections that come and go would take their processor time with them.
  const orm = await MikroORM.init({
    ...options,
    pool: { min: CONNECTIONS, max: CONNECTIONS, idleTimeoutMillis: 3_600_000 },
  });
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, min: CONNECTIONS, idleTimeoutMillis: 0 });
  const tpcPool = new pg.Pool({ connectionString: tpcUrl, max: CONNECTIONS, idleTimeoutMillis: 0 });
  try {
    const contenders = [
      ...WAYS.map((way) => ofWay({ orm, pool }, way)),
      tpcB(tpcPool, settings.tpcScale, 'one call'),
      tpcB(tpcPool, settings.tpcScale, 'statement by statement'),
      ...(hasPgbench() ? [pgbench(tpcUrl)] : []),
    ];
    const rows: PairRow[] = [];
    for (const load of ['spread', 'hot'] as const) {
      const targets = load === 'hot' ? accounts.slice(0, 1) : accounts;
      rows.push(...(await measureLoad(server, { load, targets, contenders, settings }, say)));
    }
    if (tamper) await withClient(url, tamper);
    return { rows, faults: await faultsIn(server.configOf('pairs'), url) };
  } finally {
    await tpcPool.end();
    await pool.end();
    await orm.close();
  }
}

/** What is wrong with the books of a database that nobody uses. */
async function faultsIn(config: Config, url: string): Promise<string[]> {
  const { checks } = await new ReconciliationService(config, new Clock()).run();
  const broken = checks.filter(({ isBroken }) => isBroken);
  const open = await withClient(url, async (client) => {
    const { rows } = await client.query<{ count: string }>(
      `select count(*) as count from credit_holds where state = 'pending'`,
    );
    return Number(rows[0]?.count);
  });
  return [
    ...broken.map(({ name, offenders }) => `${name}: ${JSON.stringify(offenders[0])}`),
    ...(open > 0 ? [`${open} holds are still open`] : []),
  ];
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function measureLoad(
  server: EngineServer,
  about: {
    load: PairRow['load'];
    targets: readonly BenchAccount[];
    contenders: readonly Contender[];
    settings: PairSettings;
  },
  say: (text: string) => void,
): Promise<PairRow[]> {
  const { load, targets, contenders, settings } = about;
  const samples = new Map<Contender, Sample[]>(contenders.map((contender) => [contender, []]));
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const [contender, taken] of samples) {
      if (!contender.isForeign) await contender.run(targets, Math.min(WARM_UP_SECONDS, settings.seconds / 4));
      const sample = await sampleOf(server, contender, { targets, seconds: settings.seconds });
      taken.push(sample);
      say(
        `${load}, round ${round} of ${settings.rounds}, ${contender.name}: ${sample.perSecond.toFixed(0)} per second`,
      );
    }
  }
  return [...samples].map(([{ name }, taken]) => ({
    load,
    contender: name,
    perSecond: spreadOf(taken.map((sample) => sample.perSecond))!,
    serverMicros: spreadOf(taken.map((sample) => sample.serverMicros)),
    clientMicros: spreadOf(taken.map((sample) => sample.clientMicros)),
    cpuMicros: spreadOf(
      taken.map(({ serverMicros, clientMicros }) =>
        serverMicros === undefined ? undefined : serverMicros + clientMicros,
      ),
    ),
  }));
}

async function sampleOf(
  server: EngineServer,
  contender: Contender,
  { targets, seconds }: { targets: readonly BenchAccount[]; seconds: number },
): Promise<Sample> {
  const serverBefore = server.cpuMs;
  const clientBefore = clientCpuMs(contender);
  const began = performance.now();
  const done = await contender.run(targets, seconds);
  const elapsed = (performance.now() - began) / 1_000;
  const serverAfter = server.cpuMs;
  const clientMs = clientCpuMs(contender) - clientBefore;
  return {
    perSecond: done / elapsed,
    serverMicros:
      serverBefore === undefined || serverAfter === undefined
        ? undefined
        : ((serverAfter - serverBefore) * 1_000) / done,
    clientMicros: (clientMs * 1_000) / done,
  };
}

/** Of whoever sends the work: this process, or a child of it that has ended when this is asked. */
function clientCpuMs({ isForeign }: Contender): number {
  if (isForeign) return endedChildrenCpuMs();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function ofWay(clients: PairClients, way: Way): Contender {
  return { name: way.name, run: (accounts, seconds) => runPairs(clients, way, accounts, seconds) };
}

function tpcB(pool: pg.Pool, scale: number, way: TpcBWay): Contender {
  return {
    name: `TPC-B, ${way}, ${CONNECTIONS} connections`,
    run: async (_, seconds) => {
      const until = performance.now() + seconds * 1_000;
      let done = 0;
      await Promise.all(
        Array.from({ length: CONNECTIONS }, async () => {
          const client = await pool.connect();
          try {
            for (; performance.now() < until; done += 1) await runTpcB(client, scale, way);
          } finally {
            client.release();
          }
        }),
      );
      return done;
    },
  };
}

function pgbench(url: string): Contender {
  return {
    name: `pgbench, ${CONNECTIONS} connections`,
    isForeign: true,
    run: async (_, seconds) => {
      const whole = Math.max(1, Math.round(seconds));
      return (await runPgbench(url, CONNECTIONS, whole)) * whole;
    },
  };
}
