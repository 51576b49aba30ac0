import { formatCredits } from '../common/domain/micro-credits.js';
import type { Tier } from '../common/domain/tiers.js';
import { AppError } from '../common/errors/app-error.js';
import type { ImageLimits } from '../models/domain/image-limits.js';
import type { ParameterViolation } from '../models/domain/parameter-violation.js';

const OTHERS = 'GET /v1/models lists those that can be called.';

/** A field that no schema of the route knows. All of them are named at once. */
export class UnknownParameterError extends AppError {
  static readonly code = 'unknown_parameter';
  static readonly status = 400;
  static readonly title = 'Unknown parameter';
  static readonly openaiType = 'invalid_request_error' as const;

  /** `details` is what a client of the route looks for beside the names. */
  constructor(parameters: string[], unsupported: string[] = [], details: Record<string, unknown> = {}) {
    super(
      `Unknown ${nameAll(parameters)}. GET /openapi.json names those that are accepted; X-Unsupported-Parameters: drop leaves the others out.`,
      {
        param: parameters[0] ?? 'body',
        details: { parameters, ...(unsupported.length > 0 && { unsupported }), ...details },
      },
    );
  }
}

/** A known field that changes the price and that the model's catalogue entry does not price. */
export class UnsupportedParameterError extends AppError {
  static readonly code = 'unsupported_parameter';
  static readonly status = 400;
  static readonly title = 'Unsupported parameter';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(parameters: string[]) {
    super(
      `Unsupported ${nameAll(parameters)}: it would change the price, and this model has no price for it. Leave it out, or send X-Unsupported-Parameters: drop.`,
      {
        param: parameters[0] ?? 'body',
        details: { parameters },
      },
    );
  }
}

export class ModelNotPricedError extends AppError {
  static readonly code = 'model_not_priced';
  static readonly status = 404;
  static readonly title = 'Model has no price';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(model: string) {
    super(`The model '${model}' has no price yet, so it cannot be called. ${OTHERS}`, {
      param: 'model',
      details: { model },
    });
  }
}

export class ModelUnavailableError extends AppError {
  static readonly code = 'model_unavailable';
  static readonly status = 404;
  static readonly title = 'Model not available';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(model: string, replacement: string | null) {
    super(withReplacement(`The model '${model}' is not available at present.`, replacement), {
      param: 'model',
      details: { model, replacement },
    });
  }
}

export class ModelArchivedError extends AppError {
  static readonly code = 'model_archived';
  static readonly status = 410;
  static readonly title = 'Model archived';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(model: string, replacement: string | null) {
    super(withReplacement(`The model '${model}' has been archived.`, replacement), {
      param: 'model',
      details: { model, replacement },
    });
  }
}

export interface TierRefusal {
  model: string;
  currentTier: Tier;
  requiredTier?: Tier | undefined;
  allowedTiers?: readonly Tier[] | undefined;
}

export class TierRequiredError extends AppError {
  static readonly code = 'tier_required';
  static readonly status = 403;
  static readonly title = 'Another plan is needed';
  static readonly openaiType = 'permission_error' as const;

  constructor(refusal: TierRefusal) {
    const wanted = refusal.requiredTier ?? refusal.allowedTiers?.join(' or ') ?? 'another';
    super(
      `The model '${refusal.model}' needs the plan ${wanted}; yours is ${refusal.currentTier}. Change plans, or see GET /v1/models for those that yours may use.`,
      {
        param: 'model',
        details: {
          model: refusal.model,
          currentTier: refusal.currentTier,
          ...(refusal.requiredTier && { requiredTier: refusal.requiredTier }),
          ...(refusal.allowedTiers && { allowedTiers: refusal.allowedTiers }),
        },
      },
    );
  }
}

export class CapabilityNotSupportedError extends AppError {
  static readonly code = 'capability_not_supported';
  static readonly status = 400;
  static readonly title = 'Capability not supported';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(missing: { model: string; capability: string; param: string }) {
    const needing = missing.param === 'model' ? 'this route' : missing.param;
    super(
      `The model '${missing.model}' lacks the capability ${missing.capability}, which ${needing} needs. GET /v1/models?capability=${missing.capability} lists those that have it.`,
      {
        param: missing.param,
        details: { model: missing.model, capability: missing.capability },
      },
    );
  }
}

export class ParameterConstraintViolationError extends AppError {
  static readonly code = 'parameter_constraint_violation';
  static readonly status = 400;
  static readonly title = 'Parameters outside what the model takes';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(
    private readonly model: string,
    private readonly violations: readonly ParameterViolation[],
  ) {
    const text = violations
      .map((found) => `${found.parameter}: ${asSentence(found.reason)} ${found.suggestion}`)
      .join(' ');
    super(`The model '${model}' does not take these parameters as they were sent. ${text}`, {
      ...(violations[0] && { param: violations[0].parameter }),
      details: { model, violations },
    });
  }

  /** The same where the caller knows parameters by other names. */
  inWordsOf(names: Readonly<Record<string, string>>): ParameterConstraintViolationError {
    if (Object.keys(names).length === 0) return this;
    const violations = this.violations.map((violation) => renamed(violation, names));
    return new ParameterConstraintViolationError(this.model, violations);
  }
}

export class InvalidImageError extends AppError {
  static readonly code = 'invalid_image';
  static readonly status = 400;
  static readonly title = 'Image not accepted';
  static readonly openaiType = 'invalid_request_error' as const;

  /** Every image that is not taken, and what is. */
  constructor(images: readonly { param: string; fault: string }[], limits: ImageLimits) {
    super(`${images.map(({ param, fault }) => `${param} ${fault}`).join('; ')}. See limits for what is taken.`, {
      ...(images[0] && { param: images[0].param }),
      details: { images, limits },
    });
  }
}

export class ContextLengthExceededError extends AppError {
  static readonly code = 'context_length_exceeded';
  static readonly status = 400;
  static readonly title = 'Prompt longer than the context';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(facts: { model: string; limit: number; tokens: number }) {
    super(
      `The prompt has up to ${facts.tokens} tokens, and the context of '${facts.model}' is ${facts.limit} tokens, which the answer has to fit in too. Shorten the messages.`,
      { param: 'messages', details: facts },
    );
  }
}

/** The provider answered that the request itself is at fault. */
export class ProviderRejectedError extends AppError {
  static readonly code = 'provider_rejected';
  static readonly status = 400;
  static readonly title = 'Provider refused the request';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(requestId: string, message: string) {
    super(`The provider refused the request: ${message}. Nothing was charged. Request ${requestId}.`);
  }
}

/** The provider failed. Its own message is shown only where the adapter says that it is safe to show, and how long it asks to be left alone. */
export class ProviderFailedError extends AppError {
  static readonly code = 'provider_error';
  static readonly status = 502;
  static readonly title = 'Provider failed';
  static readonly openaiType = 'server_error' as const;

  constructor(
    requestId: string,
    message?: string,
    options: { cause?: unknown; askedWaitMs?: number | undefined } = {},
  ) {
    const { cause, askedWaitMs } = options;
    super(`The provider failed${message ? `: ${message}` : ''}. Request ${requestId}.`, {
      cause,
      ...(askedWaitMs !== undefined && waitOf(askedWaitMs)),
    });
  }
}

export class ProviderTimeoutError extends AppError {
  static readonly code = 'provider_timeout';
  static readonly status = 504;
  static readonly title = 'Provider too slow';
  static readonly openaiType = 'server_error' as const;

  constructor(requestId: string, limitMs: number) {
    // Sent again, it would most likely take as long again, and the provider may charge for each.
    const message = `The provider did not answer within ${limitMs} ms. Request ${requestId}. Ask for less at a time.`;
    super(message, { details: { limitMs }, headers: { 'x-should-retry': 'false' } });
  }
}

/** Nobody reads it: the client closed its connection before its answer began. For the log, and for a status of the request. */
export class ClientLeftError extends AppError {
  static readonly code = 'client_left';
  /** What nginx writes for it; no standard has one. */
  static readonly status = 499;
  static readonly title = 'The client left before its answer began';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor() {
    super('The client closed its connection before its answer began.');
  }
}

/** Only a replay tells it: the client of a stream that was not read to its end had left, and asks again with the same key. */
export class AnswerCutOffError extends AppError {
  static readonly code = 'answer_cut_off';
  static readonly status = 502;
  static readonly title = 'The answer ends where its client left';
  static readonly openaiType = 'server_error' as const;

  constructor(requestId: string) {
    super(
      `The client left before the answer was finished, and it was stopped there: what had arrived was charged. A new Idempotency-Key asks anew. Request ${requestId}.`,
    );
  }
}

/** In the middle of a stream: the provider writes on past the output limit that it was sent, and the user has nothing left to pay that with. */
export class CreditsRanOutError extends AppError {
  static readonly code = 'insufficient_credits';
  static readonly status = 402;
  static readonly title = 'The credits ran out in the middle of the answer';
  static readonly openaiType = 'insufficient_quota' as const;

  constructor(facts: { limitTokens: number; neededUcr: bigint; availableUcr: bigint; nextGrantAt: Date | null }) {
    const [needed, available] = [formatCredits(facts.neededUcr), formatCredits(facts.availableUcr)];
    super(
      `The answer went on past its limit of ${facts.limitTokens} tokens, for ${needed} credits more than were held, and ${available} are left. ` +
        'It ends here; what was delivered is charged. Ask for less output, or go on when there are credits again.',
      { details: { needed, available, nextGrantAt: facts.nextGrantAt?.toISOString() ?? null } },
    );
  }
}

/** The provider failed so often of late that it is not asked until it had time to recover. */
export class ProviderUnavailableError extends AppError {
  static readonly code = 'provider_unavailable';
  static readonly status = 503;
  static readonly title = 'Provider down';
  static readonly openaiType = 'server_error' as const;

  constructor(requestId: string, retryAfterMs: number) {
    const wait = waitOf(retryAfterMs);
    const { retryAfterSeconds: seconds } = wait.details;
    super(
      `The provider is down at present. Try again in ${seconds} s, or use another model. Request ${requestId}.`,
      wait,
    );
  }
}

/** Clients of OpenAI and Anthropic pass over a wait of a minute, some only over more, and would try again within seconds. */
const CLIENTS_WAIT_SECONDS = 60;

/** How a caller is told when to try again. */
function waitOf(ms: number): { details: { retryAfterSeconds: number }; headers: Record<string, string> } {
  const seconds = Math.ceil(ms / 1_000);
  const isTooLong = seconds >= CLIENTS_WAIT_SECONDS;
  const headers = { 'retry-after': String(seconds), ...(isTooLong && { 'x-should-retry': 'false' }) };
  return { details: { retryAfterSeconds: seconds }, headers };
}

function nameAll(parameters: readonly string[]): string {
  return `${parameters.length === 1 ? 'parameter' : 'parameters'} ${parameters.map((name) => `'${name}'`).join(', ')}`;
}

function withReplacement(text: string, replacement: string | null): string {
  return `${text} ${replacement ? `Use '${replacement}' instead.` : OTHERS}`;
}

function renamed(violation: ParameterViolation, names: Readonly<Record<string, string>>): ParameterViolation {
  const { parameter, conflictsWith, reason, suggestion } = violation;
  const nameOf = (own: string): string => names[own] ?? own;
  const inWords = (text: string): string => text.replace(/\b[a-z_]+\b/g, nameOf);
  return {
    ...violation,
    parameter: nameOf(parameter),
    ...(conflictsWith !== undefined && { conflictsWith: nameOf(conflictsWith) }),
    reason: inWords(reason),
    suggestion: inWords(suggestion),
  };
}

function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
