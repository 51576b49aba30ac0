import { Migration } from '@mikro-orm/migrations';

/**
 * Whoever changes the catalogue, an operator, a seed or a hand at the database: every replica hears of it when the change is committed, and
 * reads it anew. The trigger is the one place that cannot be passed by.
 */
export class Migration20261123000500_model_notifications extends Migration {
  override up(): void {
    this.addSql(`
      CREATE FUNCTION tollgate.notify_models() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_notify('tollgate_models', '');
        RETURN NULL;
      END $$`);
    this.addSql(`
      CREATE TRIGGER models_notify AFTER INSERT OR UPDATE OR DELETE ON models
        FOR EACH STATEMENT EXECUTE FUNCTION tollgate.notify_models()`);
  }

  override down(): void {
    this.addSql(`DROP TRIGGER models_notify ON models`);
    this.addSql(`DROP FUNCTION tollgate.notify_models()`);
  }
}
