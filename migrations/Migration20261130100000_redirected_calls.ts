import { Migration } from '@mikro-orm/migrations';

const SUFFIX = 'redirected_index';
const INDEX = `((metadata->>'redirectedFrom'), created_at) where metadata->>'redirectedFrom' is not null`;

/** Who still asks for a model that plans redirect: those calls stand in the ledger under its successor, which may have most of all calls. */
export class Migration20261130100000_redirected_calls extends Migration {
  /** The ledger is written to meanwhile. */
  override isTransactional(): boolean {
    return false;
  }

  override async up(): Promise<void> {
    for (const table of ['token_usage_ledger', 'token_usage_ledger_archive']) {
      this.addSql(`create index if not exists ${table}_${SUFFIX} on only ${table} ${INDEX}`);
      for (const partition of await this.partitionsOf(table)) {
        this.addSql(`create index concurrently if not exists ${partition}_${SUFFIX} on ${partition} ${INDEX}`);
        this.addSql(`alter index ${table}_${SUFFIX} attach partition ${partition}_${SUFFIX}`);
      }
    }
  }

  override down(): void {
    this.addSql(`drop index token_usage_ledger_archive_${SUFFIX}`);
    this.addSql(`drop index token_usage_ledger_${SUFFIX}`);
  }

  private async partitionsOf(table: string): Promise<string[]> {
    const rows = await this.execute(
      `select inhrelid::regclass::text as partition from pg_inherits where inhparent = '${table}'::regclass order by 1`,
    );
    return (rows as { partition: string }[]).map(({ partition }) => partition);
  }
}
