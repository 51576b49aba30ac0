import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PersonalDataRegistry } from '../common/personal-data.js';
import { registerTables, type UserRows } from '../database/rows-of-user.js';

const TABLES: Readonly<Record<string, UserRows>> = {
  feedback: {
    table: 'feedback',
    columns: ['category', 'message', 'contact_email', 'app_version', 'platform', 'state', 'created_at'],
  },
  diagnostics: {
    table: 'diagnostics',
    columns: ['kind', 'app_version', 'platform', 'payload', 'size_bytes', 'created_at'],
  },
};

/** What people sent from the app while they were signed in. */
@Injectable()
export class DistributionPersonalData implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly registry: PersonalDataRegistry,
  ) {}

  onModuleInit(): void {
    registerTables(this.registry, this.em, TABLES, ['feedback', 'diagnostics']);
  }
}
