import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../monitoring/audit-trail.service.js';
import type { SubscriptionAction } from './domain/transitions.js';
import { toAdminSubscriptionView } from './subscription-admin.dto.js';
import type { LiveSubscription } from './subscription.repository.js';

/** Who asked for a change, and why; nobody, where time did it. */
export interface Cause {
  actorId: string | null;
  reason: string;
  /** The request of an operator, and where it came from. */
  requestId?: string;
  ip?: string;
}

/** What operators do to subscriptions. What users and time do is in the subscription's events alone. */
@Injectable()
export class SubscriptionAudit {
  constructor(private readonly audit: AuditTrail) {}

  /** Joins the transaction of the change. Without an operator's request, nothing. */
  async note(
    action: SubscriptionAction | 'start',
    { before, after }: { before: LiveSubscription | null; after: LiveSubscription },
    cause: Cause,
    now: Date,
  ): Promise<void> {
    if (cause.requestId === undefined) return;
    await this.audit.record(
      {
        action: `subscription.${action}`,
        entity: 'subscription',
        entityId: after.id,
        before: before && toAdminSubscriptionView(before),
        after: toAdminSubscriptionView(after),
      },
      cause,
      now,
    );
  }
}
