import { AppError } from '../common/errors/app-error.js';

export class AppVersionNotFoundError extends AppError {
  static readonly code = 'app_version_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such release';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('No release has this id, or none of this version is published on this platform and channel.');
  }
}

/** Updaters compare versions: a release that is not newer would reach nobody, or replace what was signed under the same name. */
export class VersionGoesBackwardsError extends AppError {
  static readonly code = 'version_goes_backwards';
  static readonly status = 409;
  static readonly title = 'The version is not newer than the newest';
  static readonly openaiType = 'invalid_request_error';

  constructor(newest: string) {
    super(
      `This platform and channel already have ${newest}. Send a greater version; to take a release back, clear its publishedAt.`,
      { param: 'version', details: { newest } },
    );
  }
}

export class FeedbackNotFoundError extends AppError {
  static readonly code = 'feedback_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such feedback';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('No feedback has this id; the person it came from may have been erased.');
  }
}

export class DiagnosticsNotFoundError extends AppError {
  static readonly code = 'diagnostics_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such report';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('No report has this id; reports are deleted after a while.');
  }
}
