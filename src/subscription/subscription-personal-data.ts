import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PersonalDataRegistry } from '../common/personal-data.js';
import { registerTables, type UserRows } from '../database/rows-of-user.js';

/** By section; amounts are micro-credits. */
const TABLES: Readonly<Record<string, UserRows>> = {
  subscriptions: {
    table: 'subscriptions',
    columns: ['tier', 'status', 'current_period_start', 'current_period_end', 'cancel_at_period_end', 'created_at'],
  },
  subscriptionChanges: {
    table: 'subscription_changes',
    columns: ['from_tier', 'to_tier', 'effective_at', 'state', 'created_at'],
  },
};

/** What is kept of people’s subscriptions. It goes with the person, by the cascade of the table. */
@Injectable()
export class SubscriptionPersonalData implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly registry: PersonalDataRegistry,
  ) {}

  onModuleInit(): void {
    registerTables(this.registry, this.em, TABLES);
  }
}
