import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { AllowanceRepository } from './allowance.repository.js';

/** The one record that a subscription's period has been closed. What a hold gives back later moves within `capLeftUcr`. */
export const PeriodCloseSchema = defineEntity({
  name: 'PeriodClose',
  tableName: 'period_closes',
  repository: () => AllowanceRepository,
  properties: {
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').primary().deleteRule('restrict'),
    /** References `subscriptions`, whose module lies above this one: the foreign key is in the database alone. */
    subscriptionId: p.uuid().primary(),
    periodIndex: p.integer().primary(),
    leftUcr: p.bigint(),
    carriedUcr: p.bigint(),
    capLeftUcr: p.bigint(),
    forfeitedUcr: p.bigint(),
    closedAt: p.datetime().columnType('timestamptz'),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  indexes: [{ name: 'period_closes_subscription_id_index', properties: ['subscriptionId'] }],
  checks: [
    {
      name: 'period_closes_amounts_check',
      expression: 'left_ucr >= 0 and carried_ucr >= 0 and cap_left_ucr >= 0 and forfeited_ucr >= 0',
    },
  ],
});

export class PeriodClose extends PeriodCloseSchema.class {}
PeriodCloseSchema.setClass(PeriodClose);
