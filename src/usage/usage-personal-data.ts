import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PersonalDataRegistry } from '../common/personal-data.js';
import { registerTables, type UserRows } from '../database/rows-of-user.js';

/** By section; amounts are micro-credits. */
const TABLES: Readonly<Record<string, UserRows>> = {
  usage: {
    table: 'token_usage_ledger_all',
    columns: [
      'request_id',
      'model_id',
      'operation',
      'input_tokens',
      'output_tokens',
      'image_count',
      'credits_ucr',
      'outcome',
      'created_at',
    ],
  },
};

/** What the ledger keeps of people: what they asked for and what it cost, never what was said. It is never erased: money keeps its lines. */
@Injectable()
export class UsagePersonalData implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly registry: PersonalDataRegistry,
  ) {}

  onModuleInit(): void {
    registerTables(this.registry, this.em, TABLES);
  }
}
