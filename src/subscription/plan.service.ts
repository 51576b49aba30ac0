import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Tier } from '../common/domain/tiers.js';
import { Plan } from './plan.entity.js';

/** How long an operator's change of a plan may go unseen by a replica. */
const PLAN_TTL_MS = 5_000;

/** The four plans, read at most every few seconds. */
@Injectable()
export class PlanService {
  private readonly plans = new LRUCache<Tier, Plan>({
    max: 4,
    ttl: PLAN_TTL_MS,
    fetchMethod: (tier) => this.em.fork().findOneOrFail(Plan, tier, { failHandler: () => notSeeded(tier) }),
  });

  constructor(private readonly em: EntityManager) {}

  async of(tier: Tier): Promise<Plan> {
    const plan = await this.plans.fetch(tier);
    if (!plan) throw notSeeded(tier);
    return plan;
  }
}

function notSeeded(tier: Tier): Error {
  return new Error(`there is no plan ${tier}: the catalogue has not been seeded`);
}
