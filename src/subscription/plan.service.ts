import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Tier } from '../common/domain/tiers.js';
import { Plan } from './plan.entity.js';

/** How long an operator's change of a plan may go unseen by a replica. */
const PLAN_TTL_MS = 5_000;

export type Plans = Readonly<Record<Tier, Plan>>;

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

  /** All four. Read before a transaction begins: within one it could wait for a second connection. */
  async all(): Promise<Plans> {
    const [free, pro, pro_max, enterprise] = await Promise.all([
      this.of('free'),
      this.of('pro'),
      this.of('pro_max'),
      this.of('enterprise'),
    ]);
    return { free, pro, pro_max, enterprise };
  }

  /** Forgets what is known, after a change. */
  forget(): void {
    this.plans.clear();
  }
}

function notSeeded(tier: Tier): Error {
  return new Error(`there is no plan ${tier}: the catalogue has not been seeded`);
}
