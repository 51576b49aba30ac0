import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { PlanNode } from './plan-checks.js';

/** Settings of a server whose plans are read: it loads auto_explain, which is silent until it is asked for. */
export const EXPLAINING_SERVER = [
  'shared_preload_libraries=pg_stat_statements,auto_explain',
  'auto_explain.log_analyze=on',
  'auto_explain.log_timing=off',
  'auto_explain.log_format=json',
  'auto_explain.log_nested_statements=on',
  'auto_explain.log_parameter_max_length=0',
];
/** Until every session has taken the setting; each does before its next statement. */
const SETTING_MS = 300;

export interface LoggedPlan {
  statement: string;
  plan: PlanNode;
}

/** The plans of everything that the server runs, as its log has them. */
export class PlanLog {
  constructor(
    private readonly admin: pg.Client,
    private readonly logFile: string,
  ) {}

  /** Every statement that ran until the work was done, with what each step of it has read. */
  async during(work: () => Promise<unknown>): Promise<LoggedPlan[]> {
    const from = statSync(this.logFile).size;
    await this.explain('0');
    try {
      await work();
    } finally {
      await this.explain('-1');
    }
    return plansIn(this.textFrom(from));
  }

  private async explain(fromMs: string): Promise<void> {
    await this.admin.query(`alter system set auto_explain.log_min_duration = ${fromMs}`);
    await this.admin.query('select pg_reload_conf()');
    await sleep(SETTING_MS);
  }

  private textFrom(position: number): string {
    const bytes = Buffer.alloc(statSync(this.logFile).size - position);
    const file = openSync(this.logFile, 'r');
    try {
      readSync(file, bytes, { position });
    } finally {
      closeSync(file);
    }
    return bytes.toString();
  }
}

const ENTRY = /^\S.* LOG: {2}duration: .* plan:$/;

/** An entry is a line of its own, then JSON whose lines begin with a tab. */
export function plansIn(log: string): LoggedPlan[] {
  const entries: string[][] = [];
  let current: string[] | undefined;
  for (const line of log.split('\n')) {
    if (line.startsWith('\t')) current?.push(line.slice(1));
    else {
      current = ENTRY.test(line) ? [] : undefined;
      if (current) entries.push(current);
    }
  }
  return entries.map((lines) => {
    const entry = JSON.parse(lines.join('\n')) as { 'Query Text': string; Plan: PlanNode };
    return { statement: entry['Query Text'], plan: entry.Plan };
  });
}
