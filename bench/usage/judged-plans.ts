import { ask, type Askers } from './asking.js';
import { type Catalogue, planFaults, scansOf } from './plan-checks.js';
import type { PlanLog } from './plan-log.js';
import type { UsageQuery } from './usage-queries.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** What a server writes at the same moment, such as its counters of requests, belongs to no question. */
const READS = /^\s*(select|with)\b/i;

export interface PlanRow {
  name: string;
  /** Of all tables, with what filters threw away. */
  rowsRead: number;
  /** What its plans do against their rule. */
  faults: string[];
}

/** Asks each question once, and holds the plans of all statements that it runs against its index and its time. */
export async function judgePlans(
  queries: readonly UsageQuery[],
  askers: Askers,
  { plans, catalogue, hotTables }: { plans: PlanLog; catalogue: Catalogue; hotTables: readonly string[] },
  say: (text: string) => void,
): Promise<PlanRow[]> {
  const rows: PlanRow[] = [];
  for (const { name, path, as, indexes, days, wholeTable } of queries) {
    const logged = await plans.during(async () => (await ask(askers[as], path)).arrayBuffer());
    const now = Date.now();
    const range = days === null ? null : { from: new Date(now - days * DAY_MS), to: new Date(now + HOUR_MS) };
    const nodes = logged.filter(({ statement }) => READS.test(statement)).map(({ plan }) => plan);
    const faults = planFaults(
      nodes,
      { hotTables: hotTables.filter((table) => table !== wholeTable), indexes, range },
      catalogue,
    );
    const rowsRead = nodes.flatMap(scansOf).reduce((sum, scan) => sum + scan.rows, 0);
    rows.push({ name, rowsRead, faults });
    say(`${name}: ${faults.join('; ') || 'its index and its time'}, ${rowsRead.toFixed(0)} rows`);
  }
  return rows;
}
