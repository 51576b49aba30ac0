import type { MikroORM } from '@mikro-orm/postgresql';
import { Logger } from '@nestjs/common';
import { AllowanceService } from '../../src/credits/allowance.service.js';
import { Clock, WallClock } from '../../src/common/clock.js';
import { CreditsService } from '../../src/credits/credits.service.js';
import { Grant } from '../../src/credits/grant.entity.js';
import { Hold } from '../../src/credits/hold.entity.js';
import { HoldService } from '../../src/credits/hold.service.js';
import { HoldSweeper } from '../../src/credits/hold-sweeper.js';
import { PeriodClose } from '../../src/credits/period-close.entity.js';
import { PeriodCloseService } from '../../src/subscription/period-close.service.js';
import { PlanChangeService } from '../../src/subscription/plan-change.service.js';
import { SubscriptionAudit } from '../../src/subscription/subscription-audit.js';
import { SubscriptionBooks } from '../../src/subscription/subscription-books.js';
import { SubscriptionLifecycleService } from '../../src/subscription/subscription-lifecycle.service.js';
import { AuditTrail } from '../../src/monitoring/audit-trail.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { PlanService } from '../../src/subscription/plan.service.js';
import { Subscription } from '../../src/subscription/subscription.entity.js';
import { SubscriptionOpener } from '../../src/subscription/subscription-opener.js';
import { SubscriptionService } from '../../src/subscription/subscription.service.js';
import { HoldBatches } from '../../src/usage/hold-batches.service.js';
import { NoTracing } from '../../src/monitoring/tracing/tracing.js';
import { MeteringService } from '../../src/usage/metering.service.js';
import { testConfig } from '../support/test-config.js';

export interface MoneyServices {
  clock: Clock;
  credits: CreditsService;
  plans: PlanService;
  books: SubscriptionBooks;
  allowances: AllowanceService;
  periods: PeriodCloseService;
  lifecycle: SubscriptionLifecycleService;
  changes: PlanChangeService;
  subscriptions: SubscriptionService;
  holds: HoldService;
  batches: HoldBatches;
  metering: MeteringService;
  sweeper: HoldSweeper;
}

/** The services as the container would wire them, without HTTP; the clock stands at `now`. */
export function moneyServices(orm: MikroORM, now: Date, env: Record<string, string> = {}): MoneyServices {
  Logger.overrideLogger(false);
  const clock = new Clock();
  clock.now = () => now;
  const holds = orm.em.getRepository(Hold);
  const credits = new CreditsService(orm.em, orm.em.getRepository(Grant));
  const audit = new AuditTrail(orm.em);
  const plans = new PlanService(orm.em, audit);
  const repository = orm.em.getRepository(Subscription);
  const allowances = new AllowanceService(orm.em.getRepository(PeriodClose));
  const books = new SubscriptionBooks(repository, plans, credits, allowances, new SubscriptionAudit(audit));
  const opener = new SubscriptionOpener(books);
  const periods = new PeriodCloseService(books, opener);
  const subscriptions = new SubscriptionService(books, opener, periods, clock);
  subscriptions.onModuleInit();
  const lifecycle = new SubscriptionLifecycleService(books, subscriptions, periods);
  const changes = new PlanChangeService(books, subscriptions, lifecycle);
  const holdService = new HoldService(orm.em, holds);
  const batches = new HoldBatches(holdService, clock, new WallClock(), testConfig(env));
  const metering = new MeteringService(batches, subscriptions, new NoTracing(), clock);
  return {
    clock,
    credits,
    plans,
    books,
    allowances,
    periods,
    lifecycle,
    changes,
    subscriptions,
    holds: holdService,
    batches,
    metering,
    sweeper: new HoldSweeper(orm.em, holds, clock, new JobRegistry(orm.em, new WallClock())),
  };
}
