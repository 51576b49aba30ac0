import { Migration } from '@mikro-orm/migrations';

/**
 * The model catalogue: `models` with its nine columns, the versions every ledger row refers to, and who changed which tier rule or
 * lifecycle flag. Also closes the reference that preferences make to a model, which exists only from here on.
 */
export class Migration20261122000500_models extends Migration {
  override up(): void {
    this.addSql(
      `CREATE TYPE model_capability AS ENUM ('text', 'chat', 'vision', 'function_calling', 'code', 'long_context', 'embedding')`,
    );
    this.createModels();
    this.createVersions();
    this.createTierAuditLogs();
    this.addSql(`
      ALTER TABLE user_preferences ADD CONSTRAINT user_preferences_default_model_id_foreign
        FOREIGN KEY (default_model_id) REFERENCES models (id) ON DELETE SET NULL`);
  }

  override down(): void {
    this.addSql(`ALTER TABLE user_preferences DROP CONSTRAINT user_preferences_default_model_id_foreign`);
    this.addSql(`DROP TABLE model_tier_audit_logs`);
    this.addSql(`DROP TABLE model_versions`);
    this.addSql(`DROP TABLE models`);
    this.addSql(`DROP TYPE model_capability`);
  }

  private createModels(): void {
    this.addSql(`
      CREATE TABLE models (
        id varchar(100) NOT NULL,
        name varchar(255) NOT NULL,
        provider varchar(100) NOT NULL,
        is_available boolean NOT NULL DEFAULT true,
        is_legacy boolean NOT NULL DEFAULT false,
        is_archived boolean NOT NULL DEFAULT false,
        meta jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT models_pkey PRIMARY KEY (id),
        CONSTRAINT models_meta_check CHECK (jsonb_typeof(meta) = 'object')
      )`);
    this.addSql(`CREATE INDEX idx_models_meta_gin ON models USING gin (meta)`);
    this.addSql(`CREATE INDEX idx_models_meta_required_tier ON models USING btree ((meta ->> 'requiredTier'))`);
    this.addSql(`CREATE INDEX idx_models_meta_capabilities ON models USING gin ((meta -> 'capabilities'))`);
    this.addSql(`CREATE INDEX idx_models_is_available ON models (is_available)`);
    this.addSql(`CREATE INDEX idx_models_is_legacy ON models (is_legacy)`);
    this.addSql(`CREATE INDEX idx_models_is_archived ON models (is_archived)`);
    this.addSql(`CREATE INDEX idx_models_provider ON models (provider)`);
    this.addSql(`CREATE INDEX idx_models_is_available_is_archived ON models (is_available, is_archived)`);
  }

  private createVersions(): void {
    this.addSql(`
      CREATE TABLE model_versions (
        model_id varchar(100) NOT NULL,
        version_no integer NOT NULL,
        meta jsonb NOT NULL,
        changed_by uuid NULL,
        change_reason text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT model_versions_pkey PRIMARY KEY (model_id, version_no),
        CONSTRAINT model_versions_version_no_check CHECK (version_no > 0),
        CONSTRAINT model_versions_meta_check CHECK (jsonb_typeof(meta) = 'object'),
        CONSTRAINT model_versions_model_id_foreign FOREIGN KEY (model_id) REFERENCES models (id) ON DELETE RESTRICT,
        CONSTRAINT model_versions_changed_by_foreign FOREIGN KEY (changed_by) REFERENCES users (id) ON DELETE RESTRICT
      )`);
    this.addSql(`CREATE INDEX model_versions_changed_by_index ON model_versions (changed_by)`);
    this.makeAppendOnly('model_versions');
  }

  private createTierAuditLogs(): void {
    this.addSql(`
      CREATE TABLE model_tier_audit_logs (
        id uuid NOT NULL,
        model_id varchar(100) NOT NULL,
        previous jsonb NOT NULL,
        next jsonb NOT NULL,
        reason text NOT NULL,
        actor_id uuid NULL,
        ip inet NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT model_tier_audit_logs_pkey PRIMARY KEY (id),
        CONSTRAINT model_tier_audit_logs_model_id_foreign FOREIGN KEY (model_id) REFERENCES models (id) ON DELETE RESTRICT,
        CONSTRAINT model_tier_audit_logs_actor_id_foreign FOREIGN KEY (actor_id) REFERENCES users (id) ON DELETE RESTRICT
      )`);
    this.addSql(
      `CREATE INDEX model_tier_audit_logs_model_id_created_at_index ON model_tier_audit_logs (model_id, created_at)`,
    );
    this.addSql(`CREATE INDEX model_tier_audit_logs_actor_id_index ON model_tier_audit_logs (actor_id)`);
    this.makeAppendOnly('model_tier_audit_logs');
  }

  private makeAppendOnly(table: string): void {
    this.addSql(`
      CREATE TRIGGER ${table}_refuse_change BEFORE UPDATE OR DELETE ON ${table}
        FOR EACH ROW EXECUTE FUNCTION tollgate.refuse_change()`);
    this.addSql(`
      CREATE TRIGGER ${table}_refuse_truncate BEFORE TRUNCATE ON ${table}
        FOR EACH STATEMENT EXECUTE FUNCTION tollgate.refuse_change()`);
  }
}
