import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PersonalDataRegistry } from '../../common/personal-data.js';
import { registerTables, type UserRows } from '../../database/rows-of-user.js';

/** By section. Neither passwords, keys nor codes: those are no data about a person, and an export may be left lying about. */
const TABLES: Readonly<Record<string, UserRows>> = {
  account: {
    table: 'users',
    owner: 'id',
    columns: [
      'email',
      'email_verified_at',
      'display_name',
      'language',
      'role',
      'status',
      'last_login_at',
      'deleted_at',
      'created_at',
    ],
  },
  preferences: {
    table: 'user_preferences',
    key: 'user_id',
    columns: ['default_model_id', 'temperature', 'streaming', 'settings', 'updated_at'],
  },
  devices: {
    table: 'auth_grants',
    columns: [
      'client_id',
      'scopes',
      'device_name',
      'platform',
      'app_version',
      'created_ip',
      'last_used_at',
      'last_ip',
      'expires_at',
      'revoked_at',
      'revoke_reason',
      'created_at',
    ],
  },
  apiKeys: {
    table: 'api_keys',
    columns: ['name', 'prefix', 'scopes', 'last_used_at', 'expires_at', 'revoked_at', 'created_at'],
  },
  passkeys: { table: 'passkeys', columns: ['name', 'transports', 'last_used_at', 'created_at'] },
  authenticatorApp: { table: 'totp_secrets', key: 'user_id', columns: ['confirmed_at', 'created_at'] },
  recoveryCodes: { table: 'recovery_codes', columns: ['used_at', 'created_at'] },
  linkedIdentities: { table: 'linked_identities', columns: ['issuer', 'subject', 'email', 'created_at'] },
  signInEvents: {
    table: 'auth_events',
    columns: ['event', 'client_id', 'ip', 'user_agent', 'details', 'created_at'],
  },
};

/** Gone with the person. Sign-in events stay for their own time: they tell what an attacker did. */
const ERASED = [
  'devices',
  'preferences',
  'apiKeys',
  'passkeys',
  'authenticatorApp',
  'recoveryCodes',
  'linkedIdentities',
];

/** What the sign-in keeps of people. */
@Injectable()
export class AuthPersonalData implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly registry: PersonalDataRegistry,
  ) {}

  onModuleInit(): void {
    registerTables(this.registry, this.em, TABLES, ERASED);
  }
}
