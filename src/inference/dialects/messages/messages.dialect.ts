import type { ChatDialect } from '../chat-dialect.js';
import { writeMessage } from './message.js';
import { MessageWriter } from './message-writer.js';
import { parseMessages } from './parse-messages.js';

/** Anthropic's Messages. */
export const MESSAGES: ChatDialect = {
  parameterNames: { stop: 'stop_sequences', reasoning_effort: 'output_config.effort' },
  parse: parseMessages,
  writeAnswer: writeMessage,
  openStream: (answered) => new MessageWriter(answered),
};
