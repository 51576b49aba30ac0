import { Migration } from '@mikro-orm/migrations';

const AMOUNTS = [
  'request_count',
  'error_count',
  'input_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'output_tokens',
  'image_count',
  'image_tokens',
  'credits_ucr',
  'cost_nusd',
];
const BUCKETS = ['latency_buckets', 'first_token_buckets'];
/** As many as there are bounds of latencies, and one for what is above them. */
const BUCKET_COUNT = 25;

/**
 * The hourly sums of all users together, also by whole days. With many users nearly every call has an hour of its own in `usage_hourly`, so
 * that a report about everybody read as many rows as there were calls. They are made from the hourly sums, which stay as they are.
 */
export class Migration20261130070000_usage_totals extends Migration {
  override up(): void {
    this.addSql(`create type usage_total_unit as enum ('hour', 'day')`);
    this.addSql(`
      create table usage_totals (
        unit usage_total_unit not null,
        start_at timestamptz not null,
        model_id varchar(100) not null,
        operation usage_operation not null,
        provider text not null,
        tier text not null,
        ${AMOUNTS.map((column) => `${column} bigint not null,`).join('\n')}
        ${BUCKETS.map((column) => `${column} bigint[] not null,`).join('\n')}
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint usage_totals_pkey primary key (unit, start_at, model_id, operation, provider, tier),
        constraint usage_totals_model_id_foreign foreign key (model_id) references models (id) on delete restrict
      )`);
    this.addSql(`create index usage_totals_model_id_unit_start_at_index on usage_totals (model_id, unit, start_at)`);
    this.fill('hour', `select h.*, h.hour as start_at from usage_hourly h`);
    this.fill('day', `select t.* from usage_totals t where t.unit = 'hour'`);
  }

  override down(): void {
    this.addSql(`drop table usage_totals`);
    this.addSql(`drop type usage_total_unit`);
  }

  private fill(unit: 'hour' | 'day', source: string): void {
    const sums = [
      ...AMOUNTS.map((column) => `sum(s.${column})::bigint`),
      ...BUCKETS.map((column) => {
        const counts = Array.from({ length: BUCKET_COUNT }, (_, index) => `sum(s.${column}[${index + 1}])`);
        return `array[${counts.join(', ')}]::bigint[]`;
      }),
    ];
    this.addSql(`
      insert into usage_totals (unit, start_at, model_id, operation, provider, tier, ${[...AMOUNTS, ...BUCKETS].join(', ')}, created_at, updated_at)
      select '${unit}'::usage_total_unit, date_trunc('${unit}', s.start_at, 'UTC'), s.model_id, s.operation, s.provider, s.tier, ${sums.join(', ')}, now(), now()
      from (${source}) s group by 1, 2, 3, 4, 5, 6`);
  }
}
