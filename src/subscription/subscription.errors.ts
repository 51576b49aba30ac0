import { AppError } from '../common/errors/app-error.js';

export class SubscriptionInactiveError extends AppError {
  static readonly code = 'subscription_inactive';
  static readonly status = 403;
  static readonly title = 'The subscription is not active';
  static readonly openaiType = 'permission_error';

  constructor(status: 'none' | 'suspended' | 'period_due', action: string) {
    super(action, { details: { status, action } });
  }

  static unverified(): SubscriptionInactiveError {
    return new SubscriptionInactiveError(
      'none',
      'Verify your e-mail address first: the plan and its credits begin then.',
    );
  }

  static suspended(): SubscriptionInactiveError {
    return new SubscriptionInactiveError(
      'suspended',
      'The subscription is suspended. Ask the operator of this service.',
    );
  }

  static periodDue(): SubscriptionInactiveError {
    return new SubscriptionInactiveError(
      'period_due',
      'The billing period has ended and the next one is not open yet. Try again later.',
    );
  }
}
