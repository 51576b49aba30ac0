import { AppError } from '../common/errors/app-error.js';

export class JobNotFoundError extends AppError {
  static readonly code = 'job_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such job';
  static readonly openaiType = 'invalid_request_error';

  constructor(name: string, jobs: readonly string[]) {
    super(`There is no job "${name}". Those that exist: ${jobs.join(', ')}.`, { param: 'name', details: { jobs } });
  }
}

export class JobFailureNotFoundError extends AppError {
  static readonly code = 'job_failure_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such failure';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('No failure has this id. GET /admin/job-failures lists them.', { param: 'id' });
  }
}

export class JobFailureResolvedError extends AppError {
  static readonly code = 'job_failure_resolved';
  static readonly status = 409;
  static readonly title = 'The failure is no longer open';
  static readonly openaiType = 'invalid_request_error';

  constructor(state: string) {
    super(`The failure is ${state} already; there is nothing left to do.`, { details: { state } });
  }
}

/** What failed is not repeated one by one: the job itself does all that is due. */
export class JobRetryUnavailableError extends AppError {
  static readonly code = 'job_retry_unavailable';
  static readonly status = 409;
  static readonly title = 'This failure cannot be retried by itself';
  static readonly openaiType = 'invalid_request_error';

  constructor(job: string) {
    super(`${job} retries all that is due at once: POST /admin/jobs/${job}/run, or dismiss the failure with a reason.`);
  }
}

export class JobRetryFailedError extends AppError {
  static readonly code = 'job_retry_failed';
  static readonly status = 409;
  static readonly title = 'The retry failed too';
  static readonly openaiType = 'invalid_request_error';

  constructor(reason: string, cause: unknown) {
    super(`The retry failed and the failure stays open: ${reason}`, { cause, details: { reason } });
  }
}

export class JobRunFailedError extends AppError {
  static readonly code = 'job_run_failed';
  static readonly status = 500;
  static readonly title = 'The job failed';
  static readonly openaiType = 'server_error';

  constructor(job: string, reason: string, cause: unknown) {
    super(`${job} failed: ${reason}. Its next run tries again.`, { cause, details: { job, reason } });
  }
}

/** What has happened at a time cannot be made undone by an earlier one. */
export class ClockMovesForwardError extends AppError {
  static readonly code = 'clock_moves_forward_only';
  static readonly status = 422;
  static readonly title = 'The test clock only moves forward';
  static readonly openaiType = 'invalid_request_error';

  constructor(asked: Date, current: Date) {
    super(`${asked.toISOString()} is before the test time ${current.toISOString()}. Name a later one.`, {
      param: 'now',
      details: { asked: asked.toISOString(), now: current.toISOString() },
    });
  }
}

export class ClockTooFarError extends AppError {
  static readonly code = 'clock_too_far';
  static readonly status = 422;
  static readonly title = 'The test clock would be too far ahead';
  static readonly openaiType = 'invalid_request_error';

  constructor(latest: Date) {
    super(`The test clock goes at most a hundred years ahead, to ${latest.toISOString()}.`, {
      details: { latest: latest.toISOString() },
    });
  }
}

export class TooManyStreamsError extends AppError {
  static readonly code = 'too_many_streams';
  static readonly status = 429;
  static readonly title = 'Too many event streams are open';
  static readonly openaiType = 'rate_limit_error';

  constructor(limit: number) {
    super(`You have ${limit} event streams open, the most one user may have. Close one, or read the state instead.`, {
      details: { limit },
      headers: { 'retry-after': '5' },
    });
  }
}
