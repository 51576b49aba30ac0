import { applyDecorators } from '@nestjs/common';
import { ApiResponse, type ApiBodyOptions, type ApiResponseOptions } from '@nestjs/swagger';
import { z } from 'zod';
import { IDEMPOTENCY_ERRORS } from './idempotency/idempotency-key.guard.js';
import { ChatCompletionBody } from './wire/chat-completion.js';

export type OpenApiSchema = Extract<ApiBodyOptions, { schema: unknown }>['schema'];

/** A body as the schema of its route has it, so that the document cannot say anything else. `model` may be the user's preferred one. */
export function toBodySchema(body: z.ZodType, required: string[]): OpenApiSchema {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' });
  return { ...schema, required } as OpenApiSchema;
}

export const CHAT_BODY: ApiBodyOptions = {
  required: true,
  description: '`model` may be left out where GET /v1/me/preferences names a default model.',
  schema: toBodySchema(ChatCompletionBody, ['messages']),
  examples: {
    plain: {
      summary: 'A plain chat',
      value: { model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 100 },
    },
    streamed: {
      summary: 'A streamed chat that reports its usage',
      value: {
        model: 'sandbox-echo',
        messages: [{ role: 'user', content: 'Hello' }],
        stream: true,
        stream_options: { include_usage: true },
      },
    },
    image: {
      summary: 'A picture, counted by its size',
      value: {
        model: 'sandbox-vision',
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is this?' },
              { type: 'image_url', image_url: { url: 'https://example.com/picture.png', detail: 'low' } },
            ],
          },
        ],
        max_tokens: 100,
      },
    },
    violation: {
      summary: 'Parameters that gpt-5-mini refuses, both named in one answer',
      value: {
        model: 'gpt-5-mini',
        messages: [{ role: 'user', content: 'Hello' }],
        temperature: 0.2,
        max_tokens: 9000,
      },
    },
  },
};

const CREDITS = { type: 'string', example: '0.012000' } as const;

/** What the head of every answer to a chat may tell. */
export const ANSWER_HEADERS: NonNullable<ApiResponseOptions['headers']> = {
  'X-Request-Id': {
    description: 'Key of the receipt, GET /v1/usage/{requestId}',
    schema: { type: 'string', format: 'uuid' },
  },
  'X-Credits-Charged': { description: 'Whole answers only', schema: CREDITS },
  'X-Credits-Remaining': { description: 'Whole answers only', schema: CREDITS },
  'X-Credits-Held': { description: 'Streams only; the charge follows before `[DONE]`', schema: CREDITS },
  RateLimit: {
    description: 'What is left of each limit of the plan, and in how many seconds it starts again',
    schema: { type: 'string', example: '"concurrent_requests";r=7, "requests_per_minute";r=59;t=42' },
  },
  'RateLimit-Policy': {
    description: 'Each limit of the plan: quota, unit where it is not requests, window in seconds',
    schema: {
      type: 'string',
      example: '"concurrent_requests";q=8;qu="concurrent-requests", "requests_per_minute";q=60;w=60',
    },
  },
  'Idempotent-Replayed': {
    description: 'true where this answer was given, and charged, before',
    schema: { type: 'string', enum: ['true'] },
  },
  'X-Parameters-Applied': { description: 'RFC 9651 dictionary of what was changed', schema: { type: 'string' } },
  Deprecation: {
    description: 'Legacy models only: since when, as `@` and Unix seconds (RFC 9745)',
    schema: { type: 'string', example: '@1767225600' },
  },
  Sunset: { description: 'Legacy models only: when it will be gone (RFC 8594)', schema: { type: 'string' } },
  Link: {
    description: 'Legacy models only: what follows it',
    schema: { type: 'string', example: '</v1/models/gpt-5>; rel="successor-version"' },
  },
  'X-Sandbox': { description: '1 where the sandbox answered', schema: { type: 'string' } },
};

export const CHAT_RESPONSE: ApiResponseOptions = {
  status: 200,
  description: 'The answer; with `stream: true` as server-sent events that end with `[DONE]`.',
  headers: ANSWER_HEADERS,
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['id', 'object', 'created', 'model', 'choices', 'usage'],
        properties: {
          id: { type: 'string' },
          object: { type: 'string', enum: ['chat.completion'] },
          created: { type: 'integer' },
          model: { type: 'string' },
          choices: { type: 'array', items: { type: 'object' } },
          usage: {
            type: 'object',
            properties: {
              prompt_tokens: { type: 'integer' },
              completion_tokens: { type: 'integer' },
              total_tokens: { type: 'integer' },
            },
          },
        },
      },
    },
    'text/event-stream': { schema: { type: 'string' } },
  },
};

const ENVELOPE: OpenApiSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'code', 'param', 'details'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        code: { type: 'string' },
        param: { type: 'string', nullable: true },
        details: { type: 'object' },
      },
    },
  },
};

/** What a client reads when gpt-5-mini is asked for temperature 0.2 and 9 000 tokens. */
const VIOLATION_EXAMPLE = {
  error: {
    message: "The model 'gpt-5-mini' does not take these parameters as they were sent.",
    type: 'invalid_request_error',
    code: 'parameter_constraint_violation',
    param: 'temperature',
    details: {
      model: 'gpt-5-mini',
      violations: [
        {
          parameter: 'temperature',
          value: 0.2,
          rule: 'allowed_values',
          allowedValues: [1],
          reason: 'GPT-5-mini only supports temperature=1.0',
          suggestion: 'Use 1, or leave temperature out.',
        },
        {
          parameter: 'max_tokens',
          value: 9000,
          rule: 'range',
          range: { min: 1, max: 4096 },
          reason: 'Use max_completion_tokens parameter for GPT-5 models',
          suggestion: 'Use a value that is 1 to 4096, or leave max_tokens out.',
        },
      ],
    },
  },
};

const ACCESS_ERRORS: Record<number, string> = {
  401: 'invalid_token',
  403: 'insufficient_scope',
};

export const CHAT_ERRORS: Record<number, string> = {
  ...IDEMPOTENCY_ERRORS,
  400: 'idempotency_key_invalid, invalid_request, unknown_parameter, unsupported_parameter, capability_not_supported, parameter_constraint_violation, invalid_image, context_length_exceeded, provider_rejected',
  402: 'insufficient_credits, debt_outstanding',
  403: 'insufficient_scope, account_suspended, subscription_inactive, tier_required',
  404: 'model_not_found, model_not_priced, model_unavailable',
  410: 'model_archived',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  502: 'provider_error',
  503: 'overloaded, provider_unavailable',
  504: 'provider_timeout',
};

/** The errors of an inference route. */
export function ApiInferenceErrors(errors: Record<number, string> = {}, envelope = ENVELOPE): MethodDecorator {
  const all = Object.entries({ ...ACCESS_ERRORS, ...errors });
  return applyDecorators(
    ...all.map(([status, codes]) =>
      ApiResponse({
        status: Number(status),
        description: codes,
        content: {
          'application/json': {
            schema: envelope,
            ...(envelope === ENVELOPE &&
              codes.includes('parameter_constraint_violation') && { example: VIOLATION_EXAMPLE }),
          },
        },
      }),
    ),
  );
}
