import { AppError } from '../../../common/errors/app-error.js';

/** A code that is not right, or was used before. */
export class WrongCodeError extends AppError {
  static readonly code = 'wrong_code';
  static readonly status = 401;
  static readonly title = 'The code is not right';
  static readonly openaiType = 'authentication_error';

  constructor() {
    super('The code is not right, or was used already. Wait for the next one and try again.');
  }
}

export class PasskeyRefusedError extends AppError {
  static readonly code = 'passkey_refused';
  static readonly status = 401;
  static readonly title = 'The passkey was refused';
  static readonly openaiType = 'authentication_error';

  constructor(reason: string, cause?: unknown) {
    super(`The passkey was refused: ${reason}.`, { cause });
  }
}

/** Who has to have a factor cannot remove the only one. */
export class LastFactorError extends AppError {
  static readonly code = 'last_factor';
  static readonly status = 409;
  static readonly title = 'This is your only second factor';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('You need a second factor to sign in. Add another one first.');
  }
}
