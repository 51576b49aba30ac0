import { Migration } from '@mikro-orm/migrations';

/** What background work leaves behind: the last run of each job, where a job stopped reading, what failed, and the test clock. */
export class Migration20261123000200_jobs extends Migration {
  override up(): void {
    this.addSql(`create type job_failure_state as enum ('open', 'retried', 'reversed', 'dismissed')`);
    this.addSql(`create type job_outcome as enum ('completed', 'failed')`);
    this.addSql(`
      create table job_failures (
        id uuid primary key,
        job text not null,
        entity text not null,
        entity_id text not null,
        payload jsonb not null default '{}',
        reason text not null,
        attempts integer not null default 1,
        state job_failure_state not null default 'open',
        resolved_by uuid constraint job_failures_resolved_by_foreign references users (id) on delete set null,
        resolved_at timestamptz,
        resolution text,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint job_failures_resolved_check check ((state = 'open') = (resolved_at is null))
      )`);
    this.addSql(
      `create unique index job_failures_open_unique on job_failures (job, entity, entity_id) where state = 'open'`,
    );
    this.addSql(`create index job_failures_job_index on job_failures (job)`);
    this.addSql(`create index job_failures_resolved_by_index on job_failures (resolved_by)`);
    this.addSql(`
      create table job_cursors (
        name text primary key,
        position text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql(`
      create table job_runs (
        job text primary key,
        ran_at timestamptz not null,
        finished_at timestamptz not null,
        duration_ms integer not null,
        outcome job_outcome not null,
        summary jsonb not null default '{}',
        reason text,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    // Every replica reads this row, and money follows it: it can neither go back nor be there twice.
    this.addSql(`
      create table test_clock (
        is_only boolean primary key default true,
        offset_ms bigint not null default 0,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint test_clock_is_only_check check (is_only),
        constraint test_clock_offset_ms_check check (offset_ms >= 0)
      )`);
    this.addSql(`
      create function tollgate.refuse_turning_back() returns trigger language plpgsql as $$
      begin
        if new.offset_ms < old.offset_ms then
          raise exception 'the test clock only moves forward: % ms is before % ms', new.offset_ms, old.offset_ms
            using errcode = 'restrict_violation';
        end if;
        return new;
      end $$`);
    this.addSql(`create trigger test_clock_forward_only before update on test_clock
      for each row execute function tollgate.refuse_turning_back()`);
    this.addSql(`insert into test_clock default values`);
  }

  override down(): void {
    this.addSql('drop table test_clock');
    this.addSql('drop function tollgate.refuse_turning_back()');
    this.addSql('drop table job_runs');
    this.addSql('drop table job_cursors');
    this.addSql('drop table job_failures');
    this.addSql('drop type job_outcome');
    this.addSql('drop type job_failure_state');
  }
}
