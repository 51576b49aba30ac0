import { Migration } from '@mikro-orm/migrations';

const TABLES = [
  'credit_holds',
  'credit_postings',
  'credit_postings_archive',
  'token_usage_ledger',
  'token_usage_ledger_archive',
];
const LEDGERS = ['token_usage_ledger', 'token_usage_ledger_archive'];

/**
 * Holds, postings and the ledger point to users and models without foreign keys, which looked up and locked one row for each line: a quarter of
 * what a request costs the database. Their lines are written under the lock of the user's account, which has its key; models are looked up once for
 * each statement; and what they point to cannot go, as before.
 */
export class Migration20261130110000_references_of_money extends Migration {
  override up(): void {
    // Whoever comes after a statement that waits for a lock waits behind it: rather fail, and be run again.
    this.addSql(`set local lock_timeout = '2s'`);
    for (const table of TABLES) this.addSql(`alter table ${table} drop constraint ${table}_user_id_foreign`);
    for (const table of LEDGERS) this.addSql(`alter table ${table} drop constraint ${table}_model_id_foreign`);
    this.addSql(REQUIRE_MODELS);
    this.addSql(KEEP_USER);
    this.addSql(KEEP_MODEL);
    this.addSql(`create trigger token_usage_ledger_models_exist after insert on token_usage_ledger
      referencing new table as added for each statement execute function tollgate.require_models()`);
    this.addSql(`create trigger users_keep_money before delete or update of id on users
      for each row execute function tollgate.keep_user_with_money()`);
    this.addSql(`create trigger models_keep_calls before delete or update of id on models
      for each row execute function tollgate.keep_model_with_calls()`);
  }

  override down(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`drop trigger models_keep_calls on models`);
    this.addSql(`drop trigger users_keep_money on users`);
    this.addSql(`drop trigger token_usage_ledger_models_exist on token_usage_ledger`);
    for (const name of ['keep_model_with_calls', 'keep_user_with_money', 'require_models'])
      this.addSql(`drop function tollgate.${name}`);
    for (const table of LEDGERS)
      this.addSql(`alter table ${table} add constraint ${table}_model_id_foreign
        foreign key (model_id) references models (id) on delete restrict`);
    for (const table of TABLES)
      this.addSql(`alter table ${table} add constraint ${table}_user_id_foreign
        foreign key (user_id) references users (id) on delete restrict`);
  }
}

/** The lock keeps a model from going between this look and the commit; whoever deletes one waits for it, and then finds the lines. */
const REQUIRE_MODELS = `
create function tollgate.require_models() returns trigger language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  wanted text;
begin
  for wanted in select distinct model_id from added loop
    perform from models where id = wanted for key share;
    if not found then
      raise foreign_key_violation using message = format('there is no model "%s"', wanted);
    end if;
  end loop;
  return null;
end $$`;

/** Who writes a line holds the account's lock: none is written while this looks, and none after it, because the account goes with its user. */
const KEEP_USER = `
create function tollgate.keep_user_with_money() returns trigger language plpgsql as $$
begin
  perform from credit_accounts where user_id = old.id for update;
  if exists (select from credit_holds where user_id = old.id) or exists (select from credit_postings_all where user_id = old.id)
    or exists (select from token_usage_ledger_all where user_id = old.id) then
    raise foreign_key_violation using message = format('user %s has holds, postings or calls, and has to stay', old.id);
  end if;
  return coalesce(new, old);
end $$`;

const KEEP_MODEL = `
create function tollgate.keep_model_with_calls() returns trigger language plpgsql as $$
begin
  if exists (select from token_usage_ledger_all where model_id = old.id) then
    raise foreign_key_violation using message = format('model "%s" has calls in the ledger, and has to stay', old.id);
  end if;
  return coalesce(new, old);
end $$`;
