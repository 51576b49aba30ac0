import { Migration } from '@mikro-orm/migrations';

/** Who may sign in, with what, from which device, and what happened: everything that OAuth and the account pages stand on. */
export class Migration20261122000200_identity extends Migration {
  override up(): void {
    this.users();
    this.oauth();
    this.factors();
    this.account();
  }

  override down(): void {
    this.addSql(`
      drop table user_preferences, mail_outbox, linked_identities, recovery_codes, totp_secrets, passkeys, api_keys, signing_keys,
        email_tokens, login_throttle, auth_events, auth_grants, oidc_artifacts, oauth_clients, users`);
    this.addSql(`
      drop type user_role, user_status, oauth_client_type, signing_key_state, email_token_purpose, mail_state`);
  }

  private users(): void {
    this.addSql(`create type user_role as enum ('user', 'support', 'admin')`);
    this.addSql(`create type user_status as enum ('active', 'suspended')`);
    this.addSql(`
      create table users (
        id uuid primary key,
        email citext not null,
        email_verified_at timestamptz,
        password_hash text,
        display_name text,
        role user_role not null default 'user',
        status user_status not null default 'active',
        last_login_at timestamptz,
        deleted_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql('create unique index users_email_unique on users (email) where deleted_at is null');
  }

  private oauth(): void {
    this.addSql(`create type oauth_client_type as enum ('public', 'confidential')`);
    this.addSql(`
      create table oauth_clients (
        id uuid primary key,
        client_id text not null constraint oauth_clients_client_id_unique unique,
        client_name text not null,
        client_type oauth_client_type not null,
        secret_hash bytea,
        redirect_uris text[] not null default '{}',
        grant_types text[] not null,
        scopes text[] not null,
        is_active boolean not null default true,
        owner_user_id uuid constraint oauth_clients_owner_user_id_foreign references users (id) on delete restrict,
        metadata jsonb not null default '{}',
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql('create index oauth_clients_owner_user_id_index on oauth_clients (owner_user_id)');

    // No foreign keys: these rows live for minutes and are written four times per refresh; what must hold is in auth_grants.
    this.addSql(`
      create table oidc_artifacts (
        type text not null,
        id_hash bytea not null,
        payload jsonb not null,
        grant_id uuid,
        uid text,
        user_code_hash bytea,
        account_id uuid,
        client_id text,
        consumed_at timestamptz,
        grace_uses int not null default 0,
        expires_at timestamptz not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint oidc_artifacts_pkey primary key (type, id_hash)
      ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)`);
    this.addSql('create index oidc_artifacts_grant_id_index on oidc_artifacts (grant_id) where grant_id is not null');
    this.addSql('create unique index oidc_artifacts_uid_unique on oidc_artifacts (uid) where uid is not null');
    this.addSql(`
      create unique index oidc_artifacts_user_code_hash_unique on oidc_artifacts (user_code_hash) where user_code_hash is not null`);
    this.addSql('create index oidc_artifacts_account_id_index on oidc_artifacts (account_id)');
    this.addSql('create index oidc_artifacts_expires_at_index on oidc_artifacts (expires_at)');

    this.addSql(`
      create table auth_grants (
        id uuid primary key,
        user_id uuid not null constraint auth_grants_user_id_foreign references users (id) on delete cascade,
        client_id text not null constraint auth_grants_client_id_foreign references oauth_clients (client_id) on delete restrict,
        scopes text[] not null default '{}',
        device_name text,
        platform text,
        app_version text,
        created_ip inet,
        last_used_at timestamptz,
        last_ip inet,
        acr text,
        amr text[] not null default '{}',
        expires_at timestamptz not null,
        revoked_at timestamptz,
        revoked_by uuid constraint auth_grants_revoked_by_foreign references users (id) on delete set null,
        revoke_reason text,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql('create index auth_grants_user_id_index on auth_grants (user_id)');
    this.addSql('create index auth_grants_client_id_index on auth_grants (client_id)');
    this.addSql('create index auth_grants_revoked_by_index on auth_grants (revoked_by)');
    this.addSql('create index auth_grants_revoked_at_index on auth_grants (revoked_at) where revoked_at is not null');

    // `grant_id` has no foreign key: an event outlives the sign-in it tells of.
    this.addSql(`
      create table auth_events (
        id uuid primary key,
        user_id uuid constraint auth_events_user_id_foreign references users (id) on delete restrict,
        grant_id uuid,
        client_id text,
        event text not null,
        ip inet,
        user_agent text,
        request_id text,
        details jsonb not null default '{}',
        created_at timestamptz not null default now()
      )`);
    this.addSql('create index auth_events_user_id_created_at_index on auth_events (user_id, created_at)');
    this.addSql('create index auth_events_event_created_at_index on auth_events (event, created_at)');
    this.addSql('create index auth_events_created_at_index on auth_events (created_at)');
    this.addSql(`
      create trigger auth_events_refuse_change before update or delete on auth_events
        for each row execute function tollgate.refuse_change()`);
    this.addSql(`
      create trigger auth_events_refuse_truncate before truncate on auth_events
        for each statement execute function tollgate.refuse_change()`);

    this.addSql(`create type signing_key_state as enum ('next', 'active', 'retiring', 'retired')`);
    this.addSql(`
      create table signing_keys (
        kid text primary key,
        alg text not null,
        private_jwk_sealed bytea not null,
        public_jwk jsonb not null,
        state signing_key_state not null,
        activated_at timestamptz,
        retired_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql(`create unique index signing_keys_alg_active_unique on signing_keys (alg) where state = 'active'`);
  }

  private factors(): void {
    this.addSql(`
      create table login_throttle (
        key text primary key,
        failures int not null constraint login_throttle_failures_check check (failures >= 0),
        window_start timestamptz not null,
        blocked_until timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql('create index login_throttle_window_start_index on login_throttle (window_start)');

    this.addSql(`create type email_token_purpose as enum ('verify_email', 'change_email', 'reset_password')`);
    this.addSql(`
      create table email_tokens (
        hash bytea primary key,
        purpose email_token_purpose not null,
        user_id uuid not null constraint email_tokens_user_id_foreign references users (id) on delete cascade,
        email citext not null,
        expires_at timestamptz not null,
        used_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql('create index email_tokens_user_id_index on email_tokens (user_id)');
    this.addSql('create index email_tokens_expires_at_index on email_tokens (expires_at)');

    this.addSql(`
      create table passkeys (
        id uuid primary key,
        user_id uuid not null constraint passkeys_user_id_foreign references users (id) on delete cascade,
        credential_id bytea not null constraint passkeys_credential_id_unique unique,
        public_key bytea not null,
        sign_count bigint not null default 0,
        transports text[] not null default '{}',
        name text not null,
        last_used_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql('create index passkeys_user_id_index on passkeys (user_id)');

    this.addSql(`
      create table totp_secrets (
        user_id uuid primary key constraint totp_secrets_user_id_foreign references users (id) on delete cascade,
        secret_sealed bytea not null,
        confirmed_at timestamptz,
        last_step bigint not null default 0,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);

    this.addSql(`
      create table recovery_codes (
        id uuid primary key,
        user_id uuid not null constraint recovery_codes_user_id_foreign references users (id) on delete cascade,
        hash bytea not null,
        used_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint recovery_codes_user_id_hash_unique unique (user_id, hash)
      )`);

    this.addSql(`
      create table linked_identities (
        id uuid primary key,
        user_id uuid not null constraint linked_identities_user_id_foreign references users (id) on delete cascade,
        issuer text not null,
        subject text not null,
        email citext,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint linked_identities_issuer_subject_unique unique (issuer, subject)
      )`);
    this.addSql('create index linked_identities_user_id_index on linked_identities (user_id)');
  }

  private account(): void {
    this.addSql(`
      create table api_keys (
        id uuid primary key,
        user_id uuid not null constraint api_keys_user_id_foreign references users (id) on delete cascade,
        name text not null,
        prefix text not null,
        hash bytea not null constraint api_keys_hash_unique unique,
        scopes text[] not null,
        last_used_at timestamptz,
        expires_at timestamptz,
        revoked_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql('create index api_keys_user_id_index on api_keys (user_id)');

    this.addSql(`create type mail_state as enum ('pending', 'sent', 'failed')`);
    this.addSql(`
      create table mail_outbox (
        id uuid primary key,
        to_address text not null,
        template text not null,
        variables_sealed bytea not null,
        state mail_state not null default 'pending',
        attempts int not null default 0,
        next_attempt_at timestamptz not null,
        sent_at timestamptz,
        last_error text,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql(
      `create index mail_outbox_next_attempt_at_index on mail_outbox (next_attempt_at) where state = 'pending'`,
    );

    this.addSql(`
      create table user_preferences (
        user_id uuid primary key constraint user_preferences_user_id_foreign references users (id) on delete cascade,
        default_model_id varchar(100),
        temperature numeric(3,2),
        streaming boolean not null default true,
        settings jsonb not null default '{}',
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql('create index user_preferences_default_model_id_index on user_preferences (default_model_id)');
  }
}
