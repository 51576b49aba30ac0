import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { TIERS, type Tier } from '../common/domain/tiers.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { assertIfMatch } from '../common/http/etag.js';
import type { RolloverRule } from '../credits/domain/rollover-preview.js';
import { type AuditCause, AuditTrail } from '../monitoring/audit-trail.service.js';
import { allowanceFaults, rolloverFaults } from './domain/plan-rules.js';
import { Plan } from './plan.entity.js';
import { etagOfPlan, toAdminPlanView } from './plan.dto.js';

/** How long an operator's change of a plan may go unseen by a replica. */
const PLAN_TTL_MS = 5_000;

export type Plans = Readonly<Record<Tier, Plan>>;
export type PlanPatch = Partial<Omit<Plan, 'tier' | 'rank' | 'createdAt' | 'updatedAt'>>;

/** What a plan's terms say about carrying. */
export function rolloverRuleOf(plan: Plan): RolloverRule {
  return { percent: plan.rolloverPercent, maxUcr: plan.rolloverMaxUcr, minCarryUcr: plan.rolloverMinCarryUcr };
}

/** The four plans, read at most every few seconds. */
@Injectable()
export class PlanService {
  /** The last reading, under way or done. A change lets go of it; who waits for it still gets it. */
  private reading: { plans: Promise<Plans>; until: number } | null = null;

  constructor(
    private readonly em: EntityManager,
    private readonly audit: AuditTrail,
  ) {}

  async of(tier: Tier): Promise<Plan> {
    return (await this.all())[tier];
  }

  /** All four. Read before a transaction begins: within one it could wait for a second connection. */
  async all(): Promise<Plans> {
    if (this.reading && performance.now() < this.reading.until) return this.reading.plans;
    const reading = { plans: this.stored(), until: performance.now() + PLAN_TTL_MS };
    this.reading = reading;
    try {
      return await reading.plans;
    } catch (error) {
      if (this.reading === reading) this.reading = null;
      throw error;
    }
  }

  /** All four as they are stored at this moment. */
  async stored(): Promise<Plans> {
    const found = await this.em.fork().find(Plan, {});
    const entries = TIERS.map((tier) => {
      const plan = found.find((one) => one.tier === tier);
      if (!plan) throw new Error(`there is no plan ${tier}: the catalogue has not been seeded`);
      return [tier, plan] as const;
    });
    return Object.fromEntries(entries) as Record<Tier, Plan>;
  }

  /**
   * Changes a plan, and keeps who did it and why.
   * @throws IfMatchRequiredError, StaleEtagError, InvalidRequestError for an allowance beyond that of a grant, or a rollover that could never carry anything.
   */
  async update(tier: Tier, patch: PlanPatch, cause: AuditCause & { ifMatch: string }, now: Date): Promise<Plan> {
    const changed = await this.em.fork().transactional(async (em) => {
      const plan = await em.findOneOrFail(Plan, tier, { lockMode: LockMode.PESSIMISTIC_WRITE });
      assertIfMatch(cause.ifMatch, etagOfPlan(plan));
      const before: object = toAdminPlanView(plan);
      em.assign(plan, { ...patch, updatedAt: now });
      const faults = [...allowanceFaults(plan), ...rolloverFaults(plan)];
      if (faults.length > 0) throw InvalidRequestError.of(faults);
      const change = {
        action: 'plan.update',
        entity: 'plan',
        entityId: tier,
        before,
        after: toAdminPlanView(plan),
      };
      await this.audit.record(change, cause, now);
      return plan;
    });
    this.forget();
    return changed;
  }

  /** Forgets what is known of the plans, after a change elsewhere. */
  forget(): void {
    this.reading = null;
  }
}
