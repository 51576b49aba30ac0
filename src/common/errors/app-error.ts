/** One failed field of a request: where, which rule, and the way out. */
export interface FieldError {
  field: string;
  message: string;
}

/** What every class of expected failure declares once, on the class. */
export interface AppErrorKind {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  /** The `type` of OpenAI's error envelope. */
  readonly openaiType: OpenAiErrorType;
}

export type OpenAiErrorType =
  | 'authentication_error'
  | 'permission_error'
  | 'invalid_request_error'
  | 'insufficient_quota'
  | 'rate_limit_error'
  | 'server_error';

export interface AppErrorOptions {
  /** Facts a client can act on; shown to the caller, so never a secret, token or prompt. */
  details?: Record<string, unknown>;
  /** The request field at fault, in the route's own notation. */
  param?: string;
  errors?: FieldError[];
  headers?: Record<string, string>;
  cause?: unknown;
}

/**
 * An expected failure, shown to the caller. Each subclass carries `code`, `status` and `title` as static members; one filter renders all
 * of them. A broken invariant is a plain `Error` instead: it becomes a 500 without detail.
 */
export abstract class AppError extends Error {
  readonly details: Record<string, unknown>;
  readonly param: string | null;
  readonly errors: FieldError[];
  readonly headers: Record<string, string>;

  constructor(message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.details = options.details ?? {};
    this.param = options.param ?? null;
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
  }

  get kind(): AppErrorKind {
    return this.constructor as unknown as AppErrorKind;
  }

  get code(): string {
    return this.kind.code;
  }

  get status(): number {
    return this.kind.status;
  }
}
