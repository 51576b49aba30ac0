import { Injectable } from '@nestjs/common';
import { AllowanceService } from '../credits/allowance.service.js';
import { CreditsService } from '../credits/credits.service.js';
import { PlanService } from './plan.service.js';
import { SubscriptionRepository } from './subscription.repository.js';

/** What every service of this module works on: the rows, the plans, and the credits that belong to them. */
@Injectable()
export class SubscriptionBooks {
  constructor(
    readonly rows: SubscriptionRepository,
    readonly plans: PlanService,
    readonly credits: CreditsService,
    readonly allowances: AllowanceService,
  ) {}
}
