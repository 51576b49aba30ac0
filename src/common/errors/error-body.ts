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

/** The routes that answer in OpenAI's envelope, errors included. */
const OPENAI_ROUTES = /^\/v1\/(chat\/completions|embeddings|responses|models|estimates)(\/|\?|$)/;

export function speaksOpenAi(url: string): boolean {
  return OPENAI_ROUTES.test(url);
}
