import { Migration } from '@mikro-orm/migrations';

/** Analyses: work on texts that nobody waits for, what stands in when a model cannot be had, and how trouble was got over. */
export class Migration20261130040010_analysis extends Migration {
  override up(): void {
    this.addSql(
      `create type analysis_status as enum ('queued', 'processing', 'completed', 'failed', 'dead', 'cancelled')`,
    );
    this.addSql(`create type recovery_state as enum ('running', 'recovered', 'given_up')`);
    this.addSql(`
      create table analysis_kinds (
        kind varchar(100) not null,
        version integer not null,
        prompt text not null,
        output_schema jsonb not null,
        model_id varchar(100) not null,
        fallback jsonb not null,
        is_active boolean not null default true,
        created_at timestamptz not null,
        constraint analysis_kinds_pkey primary key (kind, version),
        constraint analysis_kinds_version_check check (version > 0),
        constraint analysis_kinds_model_id_foreign foreign key (model_id) references models (id) on delete restrict
      )`);
    this.addSql(`create index analysis_kinds_model_id_index on analysis_kinds (model_id)`);
    this.addSql(`
      create table ai_analyses (
        id uuid not null,
        user_id uuid not null,
        subject_id varchar(200) not null,
        kind varchar(100) not null,
        priority smallint not null,
        status analysis_status not null default 'queued',
        input jsonb not null,
        result jsonb,
        analysis_version integer not null,
        model_type varchar(100),
        model_version varchar(100),
        service_tier subscription_tier not null,
        request_tokens integer,
        response_tokens integer,
        tokens_used integer,
        api_cost_nusd bigint not null default 0,
        credits_ucr bigint not null default 0,
        caching_used boolean not null default false,
        batch_processed boolean not null default false,
        region_processed text,
        queued_at timestamptz not null,
        processing_started_at timestamptz,
        completed_at timestamptz,
        queue_position integer,
        queue_wait_ms integer,
        processing_ms integer,
        response_ms integer,
        total_ms integer,
        attempts integer not null default 0,
        circuit_breaker_state circuit_state,
        retry_history jsonb not null default '[]',
        last_error_type varchar(100),
        error_context jsonb,
        fallback_used boolean not null default false,
        fallback_confidence numeric(4,3),
        fallback_metadata jsonb,
        upgraded_from_fallback boolean not null default false,
        recovery_attempted boolean not null default false,
        created_by uuid,
        modified_by uuid,
        modification_history jsonb not null default '[]',
        access_id uuid,
        model_id varchar(100),
        model_version_no integer,
        deadline_at timestamptz,
        turn_at timestamptz not null,
        hold_id uuid,
        is_hold_open boolean not null default false,
        answer jsonb,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint ai_analyses_pkey primary key (id),
        constraint ai_analyses_user_id_foreign foreign key (user_id) references users (id) on delete cascade,
        constraint ai_analyses_model_id_foreign foreign key (model_id) references models (id) on delete restrict,
        constraint ai_analyses_created_by_foreign foreign key (created_by) references users (id) on delete set null,
        constraint ai_analyses_modified_by_foreign foreign key (modified_by) references users (id) on delete set null,
        constraint ai_analyses_amounts_check check (api_cost_nusd >= 0 and credits_ucr >= 0 and attempts >= 0),
        constraint ai_analyses_fallback_check check (fallback_confidence >= 0 and fallback_confidence <= 1),
        constraint ai_analyses_hold_check check (not is_hold_open or hold_id is not null)
      )`);
    for (const [name, columns] of Object.entries(INDEXES)) {
      this.addSql(`create index idx_ai_analyses_${name} on ai_analyses (${columns})`);
    }
    // Reports are about a time, and rows are stored in its order.
    this.addSql(`create index ai_analyses_created_at_index on ai_analyses using brin (created_at)`);
    this.addSql(`create index ai_analyses_model_id_index on ai_analyses (model_id)`);
    this.addSql(`create index ai_analyses_created_by_index on ai_analyses (created_by)`);
    this.addSql(`create index ai_analyses_modified_by_index on ai_analyses (modified_by)`);
    // Of the few rows that something is still to be done for.
    this.addSql(`create index ai_analyses_turn_index on ai_analyses (turn_at) where status = 'queued'`);
    this.addSql(
      `create index ai_analyses_user_turn_index on ai_analyses (user_id, priority, turn_at) where status = 'queued'`,
    );
    this.addSql(
      `create index ai_analyses_open_index on ai_analyses (updated_at) where status in ('queued', 'processing') or is_hold_open`,
    );
    this.addSql(`create trigger ai_analyses_forget_events after delete on ai_analyses referencing old table as gone
      for each statement execute function tollgate.forget_events()`);
    this.addSql(`
      create table fallback_comparisons (
        id uuid not null,
        analysis_id uuid not null,
        model_result jsonb not null,
        fallback_result jsonb not null,
        agreement numeric(4,3) not null,
        created_at timestamptz not null,
        constraint fallback_comparisons_pkey primary key (id),
        constraint fallback_comparisons_analysis_id_foreign foreign key (analysis_id) references ai_analyses (id) on delete cascade,
        constraint fallback_comparisons_agreement_check check (agreement >= 0 and agreement <= 1)
      )`);
    this.addSql(`create index fallback_comparisons_analysis_id_index on fallback_comparisons (analysis_id)`);
    this.addSql(`
      create table recovery_workflows (
        id uuid not null,
        analysis_id uuid not null,
        state recovery_state not null,
        steps jsonb not null default '[]',
        started_at timestamptz not null,
        finished_at timestamptz,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint recovery_workflows_pkey primary key (id),
        constraint recovery_workflows_analysis_id_foreign foreign key (analysis_id) references ai_analyses (id) on delete cascade,
        constraint recovery_workflows_finished_check check ((state = 'running') = (finished_at is null))
      )`);
    this.addSql(
      `create unique index recovery_workflows_running_unique on recovery_workflows (analysis_id) where state = 'running'`,
    );
    this.addSql(`create index recovery_workflows_analysis_id_index on recovery_workflows (analysis_id)`);
  }

  override down(): void {
    this.addSql('drop table recovery_workflows, fallback_comparisons, ai_analyses, analysis_kinds');
    this.addSql('drop type recovery_state');
    this.addSql('drop type analysis_status');
  }
}

const INDEXES = {
  subject_id: 'subject_id',
  user_id: 'user_id',
  user_created: 'user_id, created_at',
  status: 'status',
  priority_queued: 'priority, queued_at',
  model_type: 'model_type',
  cost_created: 'api_cost_nusd, created_at',
  user_model_created: 'user_id, model_type, created_at',
  processing_ms: 'processing_ms',
  tokens_used: 'tokens_used',
};
