import { AppError } from '../common/errors/app-error.js';
import type { AnalysisStatus } from './analysis.entity.js';

export class AnalysisNotFoundError extends AppError {
  static readonly code = 'analysis_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such analysis';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('You have no analysis with this id. GET /v1/analyses lists those you have.');
  }
}

export class AnalysisKindNotFoundError extends AppError {
  static readonly code = 'analysis_kind_not_found';
  static readonly status = 422;
  static readonly title = 'There is no such kind of analysis';
  static readonly openaiType = 'invalid_request_error';

  constructor(kind: string, offered: readonly string[]) {
    super(`There is no kind of analysis called ${kind}. Ask for one of: ${offered.join(', ')}.`, {
      param: 'kind',
      details: { kinds: offered },
    });
  }
}

/** What waits holds credits and a place: one user's pile shall not be everybody's. */
export class AnalysisQueueFullError extends AppError {
  static readonly code = 'analysis_queue_full';
  static readonly status = 429;
  static readonly title = 'Too many of your analyses are waiting';
  static readonly openaiType = 'rate_limit_error';

  constructor(limit: number) {
    super(`${limit} of your analyses are waiting, and no more may. Send this one again once some have ended.`, {
      details: { limit: { name: 'queued_analyses', limit } },
      headers: { 'retry-after': '30' },
    });
  }
}

/** Why its call ends before the answer. */
export class AnalysisCancelledError extends AppError {
  static readonly code = 'analysis_cancelled';
  static readonly status = 409;
  static readonly title = 'The analysis was called off';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('Its user called the analysis off.');
  }
}

export class AnalysisEndedError extends AppError {
  static readonly code = 'analysis_ended';
  static readonly status = 409;
  static readonly title = 'The analysis has ended';
  static readonly openaiType = 'invalid_request_error';

  constructor(status: AnalysisStatus) {
    super(`This analysis is ${status}: nothing more happens to it.`, { details: { status } });
  }
}

/** Only what was given up can be tried again, or thrown away. */
export class DeadLetterNotFoundError extends AppError {
  static readonly code = 'dead_letter_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such dead letter';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('No analysis with this id was given up. GET /admin/dead-letters lists those that were.');
  }
}

/** The user, or the model, would be refused too. */
export class DeadLetterRetryRefusedError extends AppError {
  static readonly code = 'dead_letter_retry_refused';
  static readonly status = 409;
  static readonly title = 'The analysis cannot be tried again now';
  static readonly openaiType = 'invalid_request_error';

  constructor(refusal: AppError) {
    super(`It cannot be tried again now: ${refusal.message}`, { cause: refusal, details: { code: refusal.code } });
  }
}
