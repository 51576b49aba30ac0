import type { FieldError } from '../../common/errors/app-error.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import type { AppliedPreferences } from '../domain/chat-preferences.js';
import { UnknownParameterError, UnsupportedParameterError } from '../inference.errors.js';
import { IMAGES_MAX } from '../../models/domain/image-limits.js';
import { ChatCompletionBody, changesPrice, isNeutral } from './chat-completion.js';
import { FIELD_ERRORS_MAX, sortFaults } from './field-errors.js';

/** Most fields that one answer header can name as dropped. */
const DROPPED_MAX = 32;

export interface ParsedChat {
  body: ChatCompletionBody;
  /** Top-level fields that were left out because the caller asked for that. */
  dropped: string[];
  /** What the user's preferences did, where they were asked. */
  preferred?: AppliedPreferences;
}

/**
 * Reads a chat body as it came. With `dropUnsupported`, unknown and price-changing top-level fields are left out and named instead of
 * refused; unknown members further inside are refused all the same.
 * @throws InvalidRequestError | UnknownParameterError | UnsupportedParameterError, each naming every field at fault.
 */
export function parseChat(raw: unknown, options: { dropUnsupported: boolean }): ParsedChat {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw InvalidRequestError.of([{ field: 'body', message: 'must be a JSON object' }]);
  }
  const { body, unknown, unsupported } = sortFields(raw as Record<string, unknown>);
  const found = ChatCompletionBody.safeParse(body, { reportInput: true });
  const faults = found.success ? { unknown: [], failed: [] } : sortFaults(found.error.issues);
  if (found.success && countImages(found.data) > IMAGES_MAX) {
    faults.failed.push({ field: 'messages', message: `must have at most ${IMAGES_MAX} images` });
  }
  const dropped = options.dropUnsupported ? [...unknown, ...unsupported] : [];
  const refusedUnknown = options.dropUnsupported ? faults.unknown : [...unknown, ...faults.unknown];
  const refusedUnsupported = options.dropUnsupported ? [] : unsupported;
  if (dropped.length > DROPPED_MAX) {
    faults.failed.push({ field: 'body', message: `must have at most ${DROPPED_MAX} fields to drop` });
  }
  if (faults.failed.length > 0) throw invalidBody(faults.failed, refusedUnknown);
  if (refusedUnknown.length > 0) throw new UnknownParameterError(capped(refusedUnknown), capped(refusedUnsupported));
  if (refusedUnsupported.length > 0) throw new UnsupportedParameterError(capped(refusedUnsupported));
  if (!found.success) throw new Error('a body without faults did not parse');
  return { body: found.data, dropped };
}

function sortFields(raw: Record<string, unknown>) {
  const body: Record<string, unknown> = {};
  const unknown: string[] = [];
  const unsupported: string[] = [];
  for (const [field, value] of Object.entries(raw)) {
    if (Object.hasOwn(ChatCompletionBody.shape, field)) body[field] = value;
    else if (!changesPrice(field)) unknown.push(field);
    else if (!isNeutral(field, value)) unsupported.push(field);
  }
  return { body, unknown, unsupported };
}

function invalidBody(failed: FieldError[], unknown: string[]): InvalidRequestError {
  const errors = [...failed, ...unknown.map((field) => ({ field, message: 'is not a known field' }))];
  return InvalidRequestError.of(errors.slice(0, FIELD_ERRORS_MAX));
}

function capped(names: string[]): string[] {
  return names.slice(0, FIELD_ERRORS_MAX);
}

function countImages(body: ChatCompletionBody): number {
  let count = 0;
  for (const message of body.messages) {
    if (!Array.isArray(message.content)) continue;
    for (const part of message.content) if (part.type === 'image_url') count += 1;
  }
  return count;
}
