import { parse } from 'secure-json-parse';
import { InvalidRequestError } from '../errors/common.errors.js';

/** Nesting beyond this serves no client we know and costs every later recursive walk its stack. */
export const JSON_DEPTH_MAX = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

/** Beyond this a string is a long text or an image: its end is searched for many bytes at once. A search costs as much as some fifty bytes. */
const SHORT_STRING_BYTES = 64;
/** Keys that reach into a prototype are written like this, or with an escape. */
const SUSPECTS = ['__proto__', 'constructor', '\\u'];

/**
 * Refuses text that nests deeper than {@link JSON_DEPTH_MAX} or has more values than `valuesMax`, in one pass and before it is parsed. An empty
 * object counts as one value more.
 * @throws InvalidRequestError
 */
export function assertBounded(bytes: Buffer, valuesMax: number): void {
  let depth = 0;
  let values = 1;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === QUOTE) index = endOfString(bytes, index + 1);
    else if (byte === COMMA) values += 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      values += 1;
      if (depth > JSON_DEPTH_MAX)
        throw new InvalidRequestError(`The JSON body nests deeper than ${JSON_DEPTH_MAX} levels.`, {
          details: { limit: JSON_DEPTH_MAX },
        });
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
  }
  if (values > valuesMax)
    throw new InvalidRequestError(`The JSON body has more than ${valuesMax} values. Send fewer members and items.`, {
      details: { limit: valuesMax },
    });
}

/** Where the string that begins at `from` ends; past the end where it does not. */
function endOfString(bytes: Buffer, from: number): number {
  for (let index = from; index < bytes.length;) {
    const nearEnd = index + SHORT_STRING_BYTES;
    for (; index < nearEnd; index += 1) {
      if (bytes[index] === QUOTE) return index;
      if (bytes[index] === BACKSLASH) index += 1;
    }
    const quote = bytes.indexOf(QUOTE, index);
    if (quote < 0) break;
    if (!isEscaped(bytes, quote, index)) return quote;
    index = quote + 1;
  }
  return bytes.length;
}

/** Whether an odd number of backslashes stands before it, none of them before `from`. */
function isEscaped(bytes: Buffer, at: number, from: number): boolean {
  let first = at;
  while (first > from && bytes[first - 1] === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * A JSON body as a value: valid UTF-8, shallow, of at most `valuesMax` values, and without keys that reach into a prototype. The messages quote nothing of the body.
 * @throws InvalidRequestError
 */
export function parseJsonBody(bytes: Buffer, valuesMax: number): unknown {
  if (bytes.length === 0) throw new InvalidRequestError('The body is empty; send a JSON object.');
  assertBounded(bytes, valuesMax);
  const text = decode(bytes);
  try {
    // The parser looks for them by expressions that take longer than a megabyte takes to parse.
    if (!SUSPECTS.some((suspect) => text.includes(suspect))) return JSON.parse(text) as unknown;
    return parse(text, { protoAction: 'error', constructorAction: 'error' });
  } catch (error) {
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    const where = position === undefined ? '' : ` (at character ${position})`;
    throw new InvalidRequestError(`The body is not JSON that can be taken${where}.`);
  }
}

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new InvalidRequestError('The body is not valid UTF-8.');
  }
}
