import { Migration } from '@mikro-orm/migrations';

/** What providers say was used of them, beside the ledger. Reports ask by provider and day, which the key begins with. */
export class Migration20261130030001_provider_usage extends Migration {
  override up(): void {
    this.addSql(`
      create table provider_usage_imports (
        id uuid not null,
        provider text not null,
        shape text not null,
        file_sha256 text not null,
        row_count integer not null,
        first_day date not null,
        last_day date not null,
        imported_by uuid,
        created_at timestamptz not null,
        constraint provider_usage_imports_pkey primary key (id),
        constraint provider_usage_imports_provider_file_sha256_unique unique (provider, file_sha256),
        constraint provider_usage_imports_imported_by_foreign foreign key (imported_by) references users (id) on delete set null
      )`);
    this.addSql(`create index provider_usage_imports_imported_by_index on provider_usage_imports (imported_by)`);
    this.addSql(`
      create table provider_usage_days (
        provider text not null,
        day date not null,
        model text not null,
        requests bigint,
        input_tokens bigint,
        output_tokens bigint,
        cost_nusd bigint,
        constraint provider_usage_days_pkey primary key (provider, day, model)
      )`);
  }

  override down(): void {
    this.addSql('drop table provider_usage_days');
    this.addSql('drop table provider_usage_imports');
  }
}
