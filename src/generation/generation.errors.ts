import { AppError } from '../common/errors/app-error.js';

export class ProjectNotFoundError extends AppError {
  static readonly code = 'project_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such project';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('You have no project with this id. GET /v1/projects lists yours.');
  }
}

export class ProjectLimitReachedError extends AppError {
  static readonly code = 'project_limit_reached';
  static readonly status = 409;
  static readonly title = 'You have as many projects as there may be';
  static readonly openaiType = 'invalid_request_error';

  constructor(limit: number) {
    super(`You have ${limit} projects, which is the most. Delete one that you no longer need.`, { details: { limit } });
  }
}

export class ProjectBusyError extends AppError {
  static readonly code = 'project_busy';
  static readonly status = 409;
  static readonly title = 'Runs of the project are under way';
  static readonly openaiType = 'invalid_request_error';

  constructor(generationIds: string[]) {
    super(
      'Runs of this project are under way, and what they have used is still to be charged. Cancel each of generationIds with ' +
        'DELETE /v1/generations/{id}, or wait until it has ended, and delete the project then.',
      { details: { generationIds } },
    );
  }
}

export class SuggestionNotFoundError extends AppError {
  static readonly code = 'suggestion_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such suggestion';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('The project has no suggestion with this id.');
  }
}

export class SuggestionLimitReachedError extends AppError {
  static readonly code = 'suggestion_limit_reached';
  static readonly status = 409;
  static readonly title = 'The project has as many suggestions as there may be';
  static readonly openaiType = 'invalid_request_error';

  constructor(limit: number) {
    super(`The project would have more than ${limit} suggestions. Delete some, or take another project.`, {
      details: { limit },
    });
  }
}

export class GenerationPromptNotFoundError extends AppError {
  static readonly code = 'generation_prompt_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such prompt';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('The mode has no prompt of this version.');
  }
}

export class GenerationNotFoundError extends AppError {
  static readonly code = 'generation_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such run';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('You have no run with this id. GET /v1/generations lists yours.');
  }
}

/** Why the models of a run are asked no longer. */
export class GenerationCancelledError extends AppError {
  static readonly code = 'generation_cancelled';
  static readonly status = 409;
  static readonly title = 'The run was cancelled';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('The run was cancelled before this model had answered. Nothing was charged for it.');
  }
}
