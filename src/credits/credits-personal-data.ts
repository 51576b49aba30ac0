import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PersonalDataRegistry } from '../common/personal-data.js';
import { registerTables, type UserRows } from '../database/rows-of-user.js';

/** By section; amounts are micro-credits. */
const TABLES: Readonly<Record<string, UserRows>> = {
  creditAccount: {
    table: 'credit_accounts',
    key: 'user_id',
    columns: ['balance_ucr', 'held_ucr', 'debt_ucr', 'created_at'],
  },
  creditGrants: {
    table: 'credits',
    columns: ['source', 'total_ucr', 'used_ucr', 'expired_ucr', 'held_ucr', 'effective_at', 'expires_at', 'created_at'],
  },
  creditPostings: {
    table: 'credit_postings_all',
    columns: ['credit_id', 'hold_id', 'kind', 'amount_ucr', 'reason', 'created_at'],
  },
};

/** What the books keep of people: what they had and what became of it. None of it is erased: money keeps its lines. */
@Injectable()
export class CreditsPersonalData implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly registry: PersonalDataRegistry,
  ) {}

  onModuleInit(): void {
    registerTables(this.registry, this.em, TABLES);
    // What a provider is answering is charged by the rows that it was asked for.
    this.registry.waitWhile((userId) => this.hasPendingHolds(userId));
  }

  private async hasPendingHolds(userId: string): Promise<boolean> {
    const sql = 'select 1 from credit_accounts where user_id = ? and pending_count > 0';
    return (await this.em.execute<unknown[]>(sql, [userId])).length > 0;
  }
}
