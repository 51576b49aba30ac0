import pg from 'pg';
import { OVERDUE_HOLDS, OVERDUE_PERIODS, RECONCILIATION_CHECKS } from '../../src/usage/reconciliation.queries.js';
import { MoneyDatabase } from './money-database.js';
import type { ReferencePlan, Tier } from './reference-account.js';

/** Small figures, so that caps, minima and prorations are met by chance. */
export const PLANS: Record<Tier, ReferencePlan> = {
  free: plan({ monthly: 20n }),
  pro: plan({ monthly: 60n, percent: 50n, max: 25n, minCarry: 4n, graceDays: 12, trialDays: 20 }),
  pro_max: plan({ monthly: 151n, percent: 33n, max: 100n, rolloverPeriods: 2, graceDays: 40, trialDays: 45 }),
  enterprise: plan({ monthly: 400n, percent: 100n, max: 120n, minCarry: 10n, rolloverPeriods: 3, graceDays: 75 }),
};

function plan(of: Partial<ReferencePlan>): ReferencePlan {
  return { monthly: 0n, percent: 0n, max: 0n, minCarry: 0n, rolloverPeriods: 1, trialDays: 0, graceDays: 0, ...of };
}

export type Row = Record<string, string | number | boolean | null>;
export type HoldRow = Omit<Row, 'slices'> & { slices: { creditId: string; amountUcr: string }[] };

/** Everything that the database knows of the accounts of one life. */
export interface Stored {
  accounts: Row[];
  subscriptions: Row[];
  grants: Row[];
  holds: HoldRow[];
  closes: Row[];
  postings: Row[];
}

/** All of the invariants as one prepared statement: cheap enough to run after every step. */
const INVARIANTS = [...RECONCILIATION_CHECKS, OVERDUE_HOLDS, OVERDUE_PERIODS]
  .map(({ name, sql }) => `select '${name}' as name, o.subject, o.detail from (${sql}) o`)
  .join('\nunion all\n');

const listOf = (rows: string): string => `(select coalesce(json_agg(x), '[]') from (${rows}) x)`;

const STORED = `select json_build_object(
  'accounts', ${listOf('select * from credit_accounts')},
  'subscriptions', ${listOf(`select s.*, c.to_tier as scheduled_tier from subscriptions s
    left join subscription_changes c on c.subscription_id = s.id and c.state = 'scheduled'`)},
  'grants', ${listOf('select * from credits')},
  'holds', ${listOf('select * from credit_holds')},
  'closes', ${listOf('select * from period_closes')},
  'postings', ${listOf(`select p.*, case when o.user_id is not null then 'reverses' when r.user_id is not null then 'reversed' else 'none' end as reversal
    from credit_postings p
    left join credit_reversals o on o.user_id = p.user_id and o.reversal_id = p.id
    left join credit_reversals r on r.user_id = p.user_id and r.original_id = p.id`)}) as stored`;

const OF_LIVES = [
  'credit_reversals',
  'credit_postings',
  'token_usage_ledger',
  'credit_holds',
  'credits',
  'period_closes',
];
const OF_LIVES_LAST = [
  'credit_accounts',
  'subscription_changes',
  'subscription_events',
  'subscriptions',
  'job_failures',
];
const WRITTEN = [
  'credit_accounts',
  'credits',
  'credit_holds',
  'credit_postings',
  'credit_reversals',
  'token_usage_ledger',
];
const WRITTEN_TOO = ['period_closes', 'subscriptions', 'subscription_changes', 'subscription_events'];

/** A database for one life at a time. What lives do to it can be made to crash after any of their statements. */
export class LivesDatabase {
  private constructor(
    readonly money: MoneyDatabase,
    /** A session that no crash reaches. */
    readonly outside: pg.Client,
  ) {}

  static async open(): Promise<LivesDatabase> {
    const money = await MoneyDatabase.open();
    const outside = new pg.Client({ connectionString: money.url });
    await outside.connect();
    const lives = new LivesDatabase(money, outside);
    await lives.writePlans();
    await lives.dropMonths();
    await lives.installCrash();
    await outside.query('set plan_cache_mode = force_generic_plan; set jit = off');
    return lives;
  }

  async close(): Promise<void> {
    await this.outside.end();
    await this.money.close();
  }

  /** What breaks the books at `now`. */
  async offenders(now: Date): Promise<string[]> {
    const values = [new Date(now.getTime() - 1)];
    const { rows } = await this.outside.query<Record<string, string>>({ name: 'invariants', text: INVARIANTS, values });
    return rows.map(({ name, subject, detail }) => `${name}: ${subject}: ${detail}`);
  }

  async stored(): Promise<Stored> {
    const { rows } = await this.outside.query<{ stored: Stored }>({ name: 'stored', text: STORED });
    return rows[0]!.stored;
  }

  /** Forgets all lives: only here may lines be deleted, by a session for which no trigger fires. */
  async clear(): Promise<void> {
    const tables = [...OF_LIVES, ...OF_LIVES_LAST];
    await this.outside.query(
      `begin; set local session_replication_role = replica; ${tables.map((table) => `delete from ${table};`).join(' ')} commit`,
    );
  }

  /** The session that runs the statement after `count` more that write is killed by it. */
  async armCrash(count: number): Promise<void> {
    await this.outside.query(`select setval('public.crash_countdown', $1)`, [-count - 1]);
  }

  /** Whether it came to the crash. */
  async disarmCrash(): Promise<boolean> {
    const { rows } = await this.outside.query<{ value: string }>(
      'select last_value as value from public.crash_countdown',
    );
    await this.outside.query(`select setval('public.crash_countdown', 1)`);
    return Number(rows[0]?.value) >= 0;
  }

  private async writePlans(): Promise<void> {
    for (const [tier, of] of Object.entries(PLANS)) {
      await this.outside.query(
        `update plans set monthly_credits_ucr = $2, rollover_percent = $3, rollover_max_ucr = $4, rollover_min_carry_ucr = $5,
           rollover_periods = $6, trial_days = $7, grace_days = $8 where tier = $1`,
        [tier, of.monthly, of.percent, of.max, of.minCarry, of.rolloverPeriods, of.trialDays, of.graceDays],
      );
    }
  }

  /** Lives reach over years, and planning over dozens of empty partitions costs more than all the rest. */
  private async dropMonths(): Promise<void> {
    const { rows } = await this.outside.query<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits
       where inhparent in ('credit_postings'::regclass, 'token_usage_ledger'::regclass)`,
    );
    for (const { name } of rows) if (!name.endsWith('_default')) await this.outside.query(`drop table ${name}`);
  }

  /** A sequence is not rolled back, so it counts over crashes. */
  private async installCrash(): Promise<void> {
    await this.outside.query(`
      create sequence public.crash_countdown minvalue -1000 start 1;
      create function public.crash() returns trigger language plpgsql as $$
      begin
        if nextval('public.crash_countdown') = 0 then
          perform pg_terminate_backend(pg_backend_pid());
        end if;
        return null;
      end $$`);
    for (const table of [...WRITTEN, ...WRITTEN_TOO]) {
      await this.outside.query(
        `create trigger ${table}_crash after insert or update or delete on ${table} for each statement execute function public.crash()`,
      );
    }
  }
}
