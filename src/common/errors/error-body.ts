import type { AppError } from './app-error.js';

/** RFC 9457 problem details, with our stable code both in `type` and on its own. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  requestId: string;
  errors?: { field: string; message: string }[];
  [detail: string]: unknown;
}

/** The envelope that OpenAI's SDKs read. */
export interface OpenAiError {
  error: { message: string; type: string; code: string; param: string | null; details: Record<string, unknown> };
}

/** The envelope that Anthropic's SDKs read, with what else is known of the error beside what they name. */
export interface AnthropicError {
  type: 'error';
  error: OpenAiError['error'];
  request_id: string;
}

/** Where Anthropic's SDKs read the id of a request. */
export const ANTHROPIC_REQUEST_ID = 'request-id';

export function toProblem(error: AppError, requestId: string): Problem {
  return {
    ...error.details,
    type: `urn:tollgate:error:${error.code}`,
    title: error.kind.title,
    status: error.status,
    detail: error.message,
    code: error.code,
    requestId,
    ...(error.errors.length > 0 && { errors: error.errors }),
  };
}

export function toOpenAiError(error: AppError, requestId: string): OpenAiError {
  return {
    error: {
      message: error.message,
      type: error.kind.openaiType,
      code: error.code,
      param: error.param,
      details: { ...error.details, ...(error.errors.length > 0 && { errors: error.errors }), request_id: requestId },
    },
  };
}

export function toAnthropicError(error: AppError, requestId: string): AnthropicError {
  const { code, param, message } = error;
  const { details } = toOpenAiError(error, requestId).error;
  return {
    type: 'error',
    error: { type: ANTHROPIC_TYPES[error.status] ?? 'api_error', message, code, param, details },
    request_id: requestId,
  };
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  409: 'invalid_request_error',
  410: 'not_found_error',
  413: 'request_too_large',
  415: 'invalid_request_error',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  431: 'request_too_large',
  503: 'overloaded_error',
  504: 'timeout_error',
};

/** The routes that answer in the envelope of a provider, errors included. */
const OPENAI_ROUTES = /^\/v1\/(chat\/completions|embeddings|responses|models|estimates)(\/|\?|$)/;
const ANTHROPIC_ROUTES = /^\/v1\/messages(\/|\?|$)/;

/** In whose envelope a route answers its errors. */
export function envelopeOf(url: string): 'openai' | 'anthropic' | 'problem' {
  if (OPENAI_ROUTES.test(url)) return 'openai';
  return ANTHROPIC_ROUTES.test(url) ? 'anthropic' : 'problem';
}

/** An error as it is sent: in the envelope that the clients of the route read. */
export function renderError(
  error: AppError,
  { url, id }: { url: string; id: string },
): { contentType: string; headers: Record<string, string>; body: object } {
  const { headers } = error;
  const envelope = envelopeOf(url);
  if (envelope === 'openai') return { contentType: 'application/json', headers, body: toOpenAiError(error, id) };
  if (envelope === 'anthropic') {
    return {
      contentType: 'application/json',
      headers: { ...headers, [ANTHROPIC_REQUEST_ID]: id },
      body: toAnthropicError(error, id),
    };
  }
  return { contentType: 'application/problem+json', headers, body: toProblem(error, id) };
}
