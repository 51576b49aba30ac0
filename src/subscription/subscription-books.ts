import { Injectable } from '@nestjs/common';
import { AllowanceService } from '../credits/allowance.service.js';
import { CreditsService } from '../credits/credits.service.js';
import { PlanService } from './plan.service.js';
import { SubscriptionAudit } from './subscription-audit.js';
import { SubscriptionRepository } from './subscription.repository.js';

/** What every service of this module works on: the rows, the plans, the credits that belong to them, and who is told of operators. */
@Injectable()
export class SubscriptionBooks {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    readonly rows: SubscriptionRepository,
    readonly plans: PlanService,
    readonly credits: CreditsService,
    readonly allowances: AllowanceService,
    readonly audit: SubscriptionAudit,
  ) {}
}
