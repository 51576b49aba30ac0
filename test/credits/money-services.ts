import type { MikroORM } from '@mikro-orm/postgresql';
import { Logger } from '@nestjs/common';
import { Clock } from '../../src/common/clock.js';
import { CreditsService } from '../../src/credits/credits.service.js';
import { Grant } from '../../src/credits/grant.entity.js';
import { Hold } from '../../src/credits/hold.entity.js';
import { HoldService } from '../../src/credits/hold.service.js';
import { HoldSweeper } from '../../src/credits/hold-sweeper.js';
import { PlanService } from '../../src/subscription/plan.service.js';
import { Subscription } from '../../src/subscription/subscription.entity.js';
import { SubscriptionService } from '../../src/subscription/subscription.service.js';
import { MeteringService } from '../../src/usage/metering.service.js';

export interface MoneyServices {
  clock: Clock;
  credits: CreditsService;
  subscriptions: SubscriptionService;
  metering: MeteringService;
  sweeper: HoldSweeper;
}

/** The services as the container would wire them, without HTTP; the clock stands at `now`. */
export function moneyServices(orm: MikroORM, now: Date): MoneyServices {
  Logger.overrideLogger(false);
  const clock = new Clock();
  clock.now = () => now;
  const holds = orm.em.getRepository(Hold);
  const credits = new CreditsService(orm.em, orm.em.getRepository(Grant));
  const plans = new PlanService(orm.em);
  const subscriptions = new SubscriptionService(orm.em.getRepository(Subscription), plans, credits, clock);
  subscriptions.onModuleInit();
  const metering = new MeteringService(new HoldService(orm.em, holds), subscriptions, plans, clock);
  return { clock, credits, subscriptions, metering, sweeper: new HoldSweeper(orm.em, holds, clock) };
}
