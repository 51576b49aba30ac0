import type { ChatDialect } from '../chat-dialect.js';
import { parseResponses } from './parse-responses.js';
import { writeResponse } from './response.js';
import { ResponseWriter } from './response-writer.js';

/** OpenAI's Responses, without what only works where answers are kept. */
export const RESPONSES: ChatDialect = {
  parameterNames: {
    max_tokens: 'max_output_tokens',
    max_completion_tokens: 'max_output_tokens',
    reasoning_effort: 'reasoning.effort',
    verbosity: 'text.verbosity',
    response_format: 'text.format',
  },
  parse: parseResponses,
  writeAnswer: writeResponse,
  openStream: (answered) => new ResponseWriter(answered),
};
