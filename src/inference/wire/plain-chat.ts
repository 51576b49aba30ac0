import { isConstrainedParameter } from '../../models/domain/constrained-parameters.js';
import { type ChatCompletionBody, MODEL_ID_LENGTH_MAX } from './chat-completion.js';
import { MESSAGES_MAX } from './chat-message.js';

const PLAIN_ROLES: readonly unknown[] = ['system', 'developer', 'user', 'assistant'];

/**
 * Whether a body is of the commonest kind: texts, parameters, and nothing else that could be wrong. Such a body is what the schema would make of
 * it, without the copies that the schema makes. It may say no to a body that is right, never yes to one that is wrong.
 */
export function isPlainChat(body: unknown): body is ChatCompletionBody {
  if (!isObject(body)) return false;
  const { model, messages } = body;
  if (typeof model !== 'string' || model.length < 1 || model.length > MODEL_ID_LENGTH_MAX) return false;
  if (!Array.isArray(messages) || messages.length < 1 || messages.length > MESSAGES_MAX) return false;
  return Object.keys(body).every((field) => isPlainField(field, body[field])) && messages.every(isPlainMessage);
}

function isPlainField(field: string, value: unknown): boolean {
  switch (field) {
    case 'model':
    case 'messages':
      return true;
    case 'stream':
      return typeof value === 'boolean';
    case 'stream_options':
      return isOnly(value, 'include_usage') && typeof value['include_usage'] === 'boolean';
    default:
      // Decided later by the model's constraints; of this one alone the schema looks at what is inside.
      return field !== 'response_format' && isConstrainedParameter(field);
  }
}

function isPlainMessage(message: unknown): boolean {
  return (
    isOnly(message, 'role', 'content') &&
    typeof message['content'] === 'string' &&
    PLAIN_ROLES.includes(message['role'])
  );
}

/** Whether a value is an object that has these members and no other. */
function isOnly(value: unknown, ...names: string[]): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  const found = Object.keys(value);
  return found.length === names.length && names.every((name) => Object.hasOwn(value, name));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
