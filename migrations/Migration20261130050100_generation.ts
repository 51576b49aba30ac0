import { Migration } from '@mikro-orm/migrations';

/** Names for businesses: projects and the names suggested in them, the runs that suggest them over several models, and their prompts. */
export class Migration20261130050100_generation extends Migration {
  override up(): void {
    this.addSql(`create type generation_mode as enum ('creative', 'professional', 'brandable', 'tech-focused')`);
    this.addSql(`create type generation_status as enum ('pending', 'processing', 'completed', 'failed', 'cancelled')`);
    this.createProjects();
    this.createPreferences();
    this.createRuns();
    this.createPerformance();
  }

  private createProjects(): void {
    this.addSql(`
      create table projects (
        id uuid not null,
        user_id uuid not null,
        name text not null,
        description text,
        selected_name_id uuid,
        ai_preferences jsonb,
        last_generation_at timestamptz,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint projects_pkey primary key (id),
        constraint projects_user_id_foreign foreign key (user_id) references users (id) on delete cascade
      )`);
    this.addSql('create index projects_user_id_index on projects (user_id)');
    this.addSql('create index projects_selected_name_id_index on projects (selected_name_id)');
    this.addSql('create index idx_projects_last_generation on projects (last_generation_at)');
    this.addSql(`
      create table name_suggestions (
        id uuid not null,
        project_id uuid not null,
        name text not null,
        logos jsonb,
        ai_model varchar(50),
        generation_metadata jsonb,
        generation_session_id uuid,
        score numeric(5,2),
        is_favourite boolean not null default false,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint name_suggestions_pkey primary key (id),
        constraint name_suggestions_project_id_foreign foreign key (project_id) references projects (id) on delete cascade
      )`);
    this.addSql('create index name_suggestions_project_id_index on name_suggestions (project_id)');
    this.addSql('create index idx_name_suggestions_ai_model on name_suggestions (ai_model)');
    this.addSql('create index idx_name_suggestions_generation_session on name_suggestions (generation_session_id)');
    this.addSql(
      'alter table projects add constraint projects_selected_name_id_foreign foreign key (selected_name_id) references name_suggestions (id) on delete set null',
    );
  }

  private createPreferences(): void {
    this.addSql(`
      create table user_ai_preferences (
        id uuid not null,
        user_id uuid not null,
        preferred_models jsonb not null default '[]',
        default_generation_mode generation_mode not null default 'creative',
        enable_deep_thinking boolean not null default false,
        auto_generate_on_create boolean not null default false,
        model_weights jsonb not null default '{}',
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint user_ai_preferences_pkey primary key (id),
        constraint unique_user_preferences unique (user_id),
        constraint user_ai_preferences_user_id_foreign foreign key (user_id) references users (id) on delete cascade
      )`);
    this.addSql(`
      create table generation_prompts (
        mode generation_mode not null,
        version integer not null,
        prompt text not null,
        is_active boolean not null default true,
        created_at timestamptz not null,
        constraint generation_prompts_pkey primary key (mode, version),
        constraint generation_prompts_version_check check (version > 0)
      )`);
    this.addSql('create unique index generation_prompts_active_unique on generation_prompts (mode) where is_active');
  }

  private createRuns(): void {
    const columns = `
        id uuid not null,
        user_id uuid not null,
        project_id uuid,
        business_idea text not null,
        generation_mode generation_mode not null default 'creative',
        deep_thinking boolean not null default false,
        models_requested jsonb not null,
        models_completed jsonb not null default '[]',
        names_requested integer not null,
        total_names_generated integer not null default 0,
        generation_time_ms integer,
        status generation_status not null default 'pending',
        error_details jsonb,
        prompt_version integer not null,
        credits_ucr bigint not null default 0,
        created_at timestamptz not null,
        updated_at timestamptz not null`;
    this.addSql(`
      create table ai_generations (${columns},
        idempotency_key varchar(255),
        request_hash bytea,
        run_no integer not null default 0,
        constraint ai_generations_pkey primary key (id),
        constraint ai_generations_models_requested_check check (jsonb_array_length(models_requested) > 0),
        constraint ai_generations_user_id_foreign foreign key (user_id) references users (id) on delete cascade,
        constraint ai_generations_project_id_foreign foreign key (project_id) references projects (id) on delete cascade
      )`);
    this.addSql('create index idx_ai_generations_user_id on ai_generations (user_id)');
    this.addSql('create index idx_ai_generations_project_id on ai_generations (project_id)');
    this.addSql('create index idx_ai_generations_status on ai_generations (status)');
    this.addSql('create index idx_ai_generations_created_at on ai_generations (created_at)');
    this.addSql(
      'create unique index ai_generations_idempotency_key_unique on ai_generations (user_id, idempotency_key) where idempotency_key is not null',
    );
    this.addSql(
      `create trigger ai_generations_forget_events after delete on ai_generations referencing old table as gone
       for each statement execute function tollgate.forget_events()`,
    );
    this.addSql(`
      create table ai_generations_archive (${columns},
        archived_at timestamptz not null,
        constraint ai_generations_archive_pkey primary key (id),
        constraint ai_generations_archive_user_id_foreign foreign key (user_id) references users (id) on delete cascade
      )`);
    this.addSql('create index ai_generations_archive_user_id_index on ai_generations_archive (user_id)');
  }

  private createPerformance(): void {
    this.addSql(`create type generation_model_state as enum ('waiting', 'answered', 'failed', 'cancelled')`);
    this.addSql(`
      create table ai_generation_models (
        generation_id uuid not null,
        model_id varchar(100) not null,
        position smallint not null,
        model_version_no integer not null,
        state generation_model_state not null default 'waiting',
        names jsonb,
        attempt jsonb,
        error jsonb,
        response_time_ms integer,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint ai_generation_models_pkey primary key (generation_id, model_id),
        constraint ai_generation_models_generation_id_foreign foreign key (generation_id) references ai_generations (id) on delete cascade,
        constraint ai_generation_models_model_id_foreign foreign key (model_id) references models (id) on delete restrict
      )`);
    this.addSql('create index ai_generation_models_model_id_index on ai_generation_models (model_id)');
    this.addSql(`
      create table ai_model_performance (
        id uuid not null,
        ai_generation_id uuid,
        model_name varchar(50) not null,
        response_time_ms integer not null,
        names_generated integer not null default 0,
        tokens_used integer,
        success_rate numeric(5,2) not null,
        error_message text,
        credits_ucr bigint not null default 0,
        cost_nusd bigint not null default 0,
        created_at timestamptz not null,
        constraint ai_model_performance_pkey primary key (id),
        constraint ai_model_performance_success_rate_check check (success_rate >= 0 and success_rate <= 100),
        constraint ai_model_performance_ai_generation_id_foreign foreign key (ai_generation_id) references ai_generations (id) on delete set null
      )`);
    this.addSql('create index idx_performance_generation_id on ai_model_performance (ai_generation_id)');
    this.addSql('create index idx_performance_model_name on ai_model_performance (model_name)');
    this.addSql('create index idx_performance_created_at on ai_model_performance (created_at)');
  }

  override down(): void {
    this.addSql('drop table ai_model_performance, ai_generation_models, ai_generations_archive, ai_generations');
    this.addSql('drop table generation_prompts, user_ai_preferences');
    this.addSql('alter table projects drop constraint projects_selected_name_id_foreign');
    this.addSql('drop table name_suggestions, projects');
    this.addSql('drop type generation_model_state, generation_status, generation_mode');
  }
}
