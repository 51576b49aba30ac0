import { AppError } from '../common/errors/app-error.js';
import type { SubscriptionAction } from './domain/transitions.js';

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

/** What an operator is told who would put somebody on a plan before they have confirmed their address. */
export class AddressNotConfirmedError extends AppError {
  static readonly code = 'address_not_confirmed';
  static readonly status = 409;
  static readonly title = 'The user has not confirmed the e-mail address';
  static readonly openaiType = 'invalid_request_error';

  constructor(userId: string) {
    super(
      'Nobody has a plan before the e-mail address is confirmed. Whoever was invited confirms it by the link in the mail; ' +
        `POST /admin/users/${userId}/password-reset sends another one. Then start the plan.`,
      { details: { userId } },
    );
  }
}

export class SubscriptionNotFoundError extends AppError {
  static readonly code = 'subscription_not_found';
  static readonly status = 404;
  static readonly title = 'No such subscription';
  static readonly openaiType = 'invalid_request_error';

  constructor(id: string) {
    super(`There is no subscription ${id}. Look them up at GET /admin/subscriptions.`, { details: { id } });
  }
}

/** The action does not fit what the subscription is now. */
export class SubscriptionStateError extends AppError {
  static readonly code = 'subscription_state';
  static readonly status = 409;
  static readonly title = 'The subscription does not allow this now';
  static readonly openaiType = 'invalid_request_error';

  constructor(action: SubscriptionAction, why: string) {
    super(`${why} Nothing was changed.`, { details: { action, reason: why } });
  }
}
