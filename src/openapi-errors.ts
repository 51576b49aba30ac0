import type { OpenAPIObject } from '@nestjs/swagger';
import { InvalidRequestError } from './common/errors/common.errors.js';
import { envelopeOf, toAnthropicError, toOpenAiError, toProblem } from './common/errors/error-body.js';

type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

const EXAMPLE = InvalidRequestError.of([{ field: 'limit', message: 'must not be greater than 200' }]);
const REQUEST_ID = '0197c000-0000-7000-8000-000000000001';

const text = (description?: string): Schema => ({ type: 'string', ...(description && { description }) });
const object = (required: string[], properties: Record<string, Schema>): Schema => ({
  type: 'object',
  required,
  properties,
});

const FIELD_ERROR = object(['field', 'message'], { field: text(), message: text() });
const INNER = object(['message', 'type', 'code', 'param', 'details'], {
  message: text('What to do'),
  type: text(),
  code: text('Stable'),
  param: { type: ['string', 'null'] },
  details: { type: 'object', additionalProperties: true },
});

/** The bodies of errors: one for each envelope. */
const SCHEMAS: Readonly<Record<string, Schema>> = {
  Problem: {
    ...object(['type', 'title', 'status', 'detail', 'code', 'requestId'], {
      type: text('A URN that ends with the code'),
      title: text(),
      status: { type: 'integer' },
      detail: text('What to do'),
      code: text('Stable'),
      requestId: text(),
      errors: { type: 'array', items: FIELD_ERROR, description: 'Every field at fault' },
    }),
    additionalProperties: true,
  },
  OpenAiError: object(['error'], { error: INNER }),
  AnthropicError: object(['type', 'error', 'request_id'], { type: text(), error: INNER, request_id: text() }),
};

const BODIES = {
  problem: { type: 'application/problem+json', schema: 'Problem', example: toProblem(EXAMPLE, REQUEST_ID) },
  openai: { type: 'application/json', schema: 'OpenAiError', example: toOpenAiError(EXAMPLE, REQUEST_ID) },
  anthropic: { type: 'application/json', schema: 'AnthropicError', example: toAnthropicError(EXAMPLE, REQUEST_ID) },
} as const;

/** What is refused before a route is reached, and so by every route that takes something. */
const REFUSED_INPUT: Readonly<Record<string, string>> = { 400: 'invalid_request' };
const REFUSED_BODY: Readonly<Record<string, string>> = { 413: 'body_too_large', 415: 'unsupported_media_type' };

interface Operation {
  parameters?: { in?: string }[];
  requestBody?: unknown;
  responses?: Record<string, { description?: string; content?: object }>;
}

/** Gives every error of every route its body: routes name their errors, the envelope is the same for all of a kind. */
export function describeErrors(document: OpenAPIObject): OpenAPIObject {
  document.components = { ...document.components, schemas: { ...document.components?.schemas, ...SCHEMAS } };
  for (const [path, item] of Object.entries(document.paths)) {
    const { type, schema, example } = BODIES[envelopeOf(path)];
    for (const operation of Object.values(item) as Operation[]) {
      const responses = (operation.responses ??= {});
      for (const [status, description] of Object.entries(refusalsOf(operation))) responses[status] ??= { description };
      for (const [status, response] of Object.entries(responses))
        if (Number(status) >= 400)
          response.content ??= {
            [type]: { schema: { $ref: `#/components/schemas/${schema}` }, ...(status === '400' && { example }) },
          };
    }
  }
  return document;
}

function refusalsOf({ parameters = [], requestBody }: Operation): Record<string, string> {
  const takesInput = requestBody !== undefined || parameters.some((one) => one.in === 'path' || one.in === 'query');
  return { ...(takesInput && REFUSED_INPUT), ...(requestBody !== undefined && REFUSED_BODY) };
}
