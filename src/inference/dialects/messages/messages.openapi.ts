import type { ApiBodyOptions, ApiResponseOptions } from '@nestjs/swagger';
import { ANSWER_HEADERS, type OpenApiSchema, toBodySchema } from '../../chat.openapi.js';
import { MessagesBody } from './messages-body.js';

const HELLO = { model: 'sandbox-echo', max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] };

export const MESSAGES_BODY: ApiBodyOptions = {
  required: true,
  description: '`model` may be left out where GET /v1/me/preferences names a default model.',
  schema: toBodySchema(MessagesBody, ['messages']),
  examples: {
    plain: { summary: 'A plain chat with instructions', value: { ...HELLO, system: 'Answer in one sentence.' } },
    streamed: { summary: 'A streamed chat', value: { ...HELLO, stream: true } },
    tools: {
      summary: 'A tool, called and answered',
      value: {
        ...HELLO,
        tools: [{ name: 'get_weather', input_schema: { type: 'object', properties: { city: { type: 'string' } } } }],
        messages: [
          { role: 'user', content: 'Is it sunny in Paris?' },
          {
            role: 'assistant',
            content: [{ type: 'tool_use', id: 'call_1', name: 'get_weather', input: { city: 'Paris' } }],
          },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: 'Sunny, 21 °C' }] },
        ],
      },
    },
  },
};

export const MESSAGES_RESPONSE: ApiResponseOptions = {
  status: 200,
  description:
    'The message; with `stream: true` as server-sent events that end with `message_stop`. The charge of a stream is in `tollgate` of its `message_delta`.',
  headers: ANSWER_HEADERS,
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['id', 'type', 'role', 'model', 'content', 'stop_reason', 'usage'],
        properties: {
          id: { type: 'string' },
          type: { type: 'string', enum: ['message'] },
          role: { type: 'string', enum: ['assistant'] },
          model: { type: 'string' },
          content: { type: 'array', items: { type: 'object' } },
          stop_reason: { type: 'string', enum: ['end_turn', 'max_tokens', 'tool_use', 'refusal'] },
          usage: {
            type: 'object',
            properties: {
              input_tokens: { type: 'integer' },
              cache_creation_input_tokens: { type: 'integer' },
              cache_read_input_tokens: { type: 'integer' },
              output_tokens: { type: 'integer' },
            },
          },
        },
      },
    },
    'text/event-stream': { schema: { type: 'string' } },
  },
};

export const MESSAGES_ENVELOPE: OpenApiSchema = {
  type: 'object',
  required: ['type', 'error', 'request_id'],
  properties: {
    type: { type: 'string', enum: ['error'] },
    error: {
      type: 'object',
      required: ['type', 'message', 'code', 'param', 'details'],
      properties: {
        type: { type: 'string' },
        message: { type: 'string' },
        code: { type: 'string' },
        param: { type: 'string', nullable: true },
        details: { type: 'object' },
      },
    },
    request_id: { type: 'string' },
  },
};
