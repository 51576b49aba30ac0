import type { ApiBodyOptions, ApiResponseOptions } from '@nestjs/swagger';
import { z } from 'zod';
import { CHAT_RESPONSE } from './chat.openapi.js';
import { IDEMPOTENCY_ERRORS } from './idempotency/idempotency-key.guard.js';
import { EmbeddingBody } from './wire/embedding.js';

type OpenApiSchema = Extract<ApiBodyOptions, { schema: unknown }>['schema'];

const { $schema: _dialect, ...BODY_SCHEMA } = z.toJSONSchema(EmbeddingBody, { io: 'input' });

/** The body as the schema of the route has it, so that the document cannot say anything else. */
export const EMBEDDING_BODY: ApiBodyOptions = {
  required: true,
  schema: BODY_SCHEMA as OpenApiSchema,
  examples: {
    one: { summary: 'One text', value: { model: 'sandbox-embedding', input: 'Hello' } },
    several: {
      summary: 'Several texts, in the compact encoding',
      value: { model: 'sandbox-embedding', input: ['Hello', 'Goodbye'], encoding_format: 'base64' },
    },
  },
};

export const EMBEDDING_RESPONSE: ApiResponseOptions = {
  status: 200,
  description: 'One vector for each input, in the order of the inputs',
  headers: 'headers' in CHAT_RESPONSE ? CHAT_RESPONSE.headers : {},
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['object', 'data', 'model', 'usage'],
        properties: {
          object: { type: 'string', enum: ['list'] },
          model: { type: 'string' },
          data: {
            type: 'array',
            items: {
              type: 'object',
              required: ['object', 'index', 'embedding'],
              properties: {
                object: { type: 'string', enum: ['embedding'] },
                index: { type: 'integer' },
                embedding: {
                  description: 'Components, or with `encoding_format: base64` their 32-bit floats, little-endian',
                  oneOf: [{ type: 'array', items: { type: 'number' } }, { type: 'string' }],
                },
              },
            },
          },
          usage: {
            type: 'object',
            properties: { prompt_tokens: { type: 'integer' }, total_tokens: { type: 'integer' } },
          },
        },
      },
    },
  },
};

export const EMBEDDING_ERRORS: Record<number, string> = {
  ...IDEMPOTENCY_ERRORS,
  400: 'idempotency_key_invalid, invalid_request, unknown_parameter, unsupported_parameter, capability_not_supported, context_length_exceeded, provider_rejected',
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
