import pg from 'pg';
import type { ModelMeta } from '../../src/models/domain/model-meta.js';
import { modelPrices } from '../../src/models/domain/model-prices.js';
import { Random } from '../../src/simulation/random.js';
import { CallMaker, type PricedModel } from './made-calls.js';
import { makePeople, PeopleRows } from './made-people.js';
import { seedRecords } from './made-records.js';

/** Of one transaction. What is in memory at a time is as young as it is small, and costs the collector little. */
const CHUNK_CALLS = 2_000;
const CHUNK_PEOPLE = 2_000;
const PROGRESS_CALLS = 500_000;
const SEED = 20_261_130;
const DAY_MS = 86_400_000;

export interface LedgerSize {
  rows: number;
  users: number;
  /** How far back from now the calls lie. */
  days: number;
}

/**
 * Users with subscriptions and grants, and calls of theirs with their holds, postings and rows of the ledger, oldest first: the books balance.
 * Rows go in by COPY, the tables of a call at the same time.
 */
export async function seedLedger(url: string, size: LedgerSize, say: (text: string) => void): Promise<void> {
  const now = new Date();
  const begin = new Date(now.getTime() - size.days * DAY_MS);
  const random = new Random(SEED);
  await withWriters(url, async (writers) => {
    const people = makePeople(random, size.users, { begin, now });
    const maker = new CallMaker(random, people, await readModels(writers.calls));
    const stepMs = (now.getTime() - begin.getTime()) / size.rows;
    let writing: Promise<unknown> = Promise.resolve();
    for (let made = 0; made < size.rows; made += CHUNK_CALLS) {
      maker.make(Math.min(CHUNK_CALLS, size.rows - made), { from: begin.getTime() + made * stepMs, stepMs });
      // The next calls are made while the server writes these.
      await writing;
      writing = Promise.all(CALL_TABLES.map((name) => maker.rows[name].writeTo(writers[name])));
      if (made % PROGRESS_CALLS === 0) say(`${made} of ${size.rows} calls`);
    }
    await writing;
    const peopleRows = new PeopleRows();
    for (const [place, person] of people.entries()) {
      peopleRows.add(person, maker.spentUcr[place]!);
      if ((place + 1) % CHUNK_PEOPLE === 0) await peopleRows.writeTo(writers.calls);
    }
    await peopleRows.writeTo(writers.calls);
    say(`${size.rows} calls, ${size.users} users`);
    await writers.calls.query(
      `vacuum analyze users, subscriptions, credits, credit_accounts, credit_holds, credit_postings, token_usage_ledger`,
    );
    say('what monitoring records');
    await seedRecords(writers.calls, size.rows);
  });
}

const CALL_TABLES = ['holds', 'postings', 'calls'] as const;
type Writers = Record<(typeof CALL_TABLES)[number], pg.Client>;

async function withWriters(url: string, work: (writers: Writers) => Promise<void>): Promise<void> {
  const [holds, postings, calls] = await Promise.all([connect(url), connect(url), connect(url)]);
  try {
    await work({ holds, postings, calls });
  } finally {
    await Promise.all([holds, postings, calls].map((client) => client.end()));
  }
}

/** Without the triggers of foreign keys: a look-up of the same few keys for each row, which is made from what the keys point to. Nothing waits for the disk. */
async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('set session_replication_role = replica');
  await client.query('set synchronous_commit = off');
  return client;
}

async function readModels(client: pg.Client): Promise<PricedModel[]> {
  const { rows } = await client.query<Omit<PricedModel, 'prices'> & { meta: ModelMeta }>(
    `select m.id, m.provider, m.meta, (select max(v.version_no) from model_versions v where v.model_id = m.id) as "versionNo",
       (select min(o.id) from models o where o.meta->>'legacyReplacementModelId' = m.id) as "legacyId"
     from models m where m.meta->'capabilities' ? 'text' order by m.id`,
  );
  return rows.flatMap(({ meta, ...model }) => {
    const prices = modelPrices(meta);
    return prices ? [{ ...model, prices }] : [];
  });
}
