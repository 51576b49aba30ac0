import { AppError } from '../common/errors/app-error.js';

export class MetricsForbiddenError extends AppError {
  static readonly code = 'metrics_forbidden';
  static readonly status = 403;
  static readonly title = 'The metrics are not for everybody';
  static readonly openaiType = 'permission_error';

  constructor(hasToken: boolean) {
    super(
      hasToken
        ? 'Send METRICS_TOKEN as "Authorization: Bearer <token>".'
        : 'Only this machine may ask, and not through a proxy. Set METRICS_TOKEN to ask from elsewhere.',
    );
  }
}

export class FeatureFlagNotFoundError extends AppError {
  static readonly code = 'feature_flag_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such feature flag';
  static readonly openaiType = 'invalid_request_error';

  constructor(key: string) {
    super(`There is no feature flag "${key.slice(0, 100)}". GET /admin/feature-flags lists them.`);
  }
}
