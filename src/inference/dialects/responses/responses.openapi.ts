import type { ApiBodyOptions, ApiResponseOptions } from '@nestjs/swagger';
import { ANSWER_HEADERS, toBodySchema } from '../../chat.openapi.js';
import { ResponsesBody } from './responses-body.js';

const HELLO = { model: 'sandbox-echo', input: 'Hello', max_output_tokens: 100 };

export const RESPONSES_BODY: ApiBodyOptions = {
  required: true,
  description: '`model` may be left out where GET /v1/me/preferences names a default model.',
  schema: toBodySchema(ResponsesBody, ['input']),
  examples: {
    plain: {
      summary: 'A plain chat with instructions',
      value: { ...HELLO, instructions: 'Answer in one sentence.' },
    },
    streamed: { summary: 'A streamed chat', value: { ...HELLO, stream: true } },
    tools: {
      summary: 'A tool, called and answered',
      value: {
        ...HELLO,
        tools: [
          {
            type: 'function',
            name: 'get_weather',
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            strict: null,
          },
        ],
        input: [
          { role: 'user', content: 'Is it sunny in Paris?' },
          { type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{"city":"Paris"}' },
          { type: 'function_call_output', call_id: 'call_1', output: 'Sunny, 21 °C' },
        ],
      },
    },
  },
};

export const RESPONSES_RESPONSE: ApiResponseOptions = {
  status: 200,
  description:
    'The response; with `stream: true` as server-sent events that end with `response.completed` or `response.incomplete`. The charge of a stream is in `tollgate` of the last response.',
  headers: ANSWER_HEADERS,
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['id', 'object', 'created_at', 'status', 'model', 'output', 'usage'],
        properties: {
          id: { type: 'string' },
          object: { type: 'string', enum: ['response'] },
          created_at: { type: 'integer' },
          status: { type: 'string', enum: ['completed', 'incomplete'] },
          model: { type: 'string' },
          output: { type: 'array', items: { type: 'object' } },
          usage: {
            type: 'object',
            properties: {
              input_tokens: { type: 'integer' },
              output_tokens: { type: 'integer' },
              total_tokens: { type: 'integer' },
            },
          },
        },
      },
    },
    'text/event-stream': { schema: { type: 'string' } },
  },
};
