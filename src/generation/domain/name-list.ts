/** The names of an answer. Whatever the model was talked into, this is all that is taken from it. */

/** The longest name that is one: a line on a sign. */
export const NAME_LENGTH_MAX = 60;
/** Of an answer that is read at all; fifty names need a hundredth of it. */
const ANSWER_LENGTH_MAX = 100_000;

const NOTHING_WRITTEN = /^[\p{P}\p{S}\s]*$/u;
const MARKUP = /[<>{}[\]\\|]|https?:|www\./i;
// Control characters and what turns the direction of text around.
const INVISIBLE = /[\p{Cc}\p{Cf}]/u;
const BULLET = /^\s*(?:[-*•–]|\d{1,3}[.):])\s+/;
/** Single spaces: repeated ones would be tried from each of them again, and a model can be talked into a line of nothing else. */
const EXPLANATION = /\s[-–—]\s.*$|:\s.*$|\s\(.*\)\s*$/;
const QUOTES = /^["'“”„*_`\s]+|["'“”„*_`,;.\s]+$/g;

/**
 * The names in a model's answer, at most `limit` of them, each once: of the JSON that was asked for where there is any, otherwise of a list.
 * Empty where it holds none.
 */
export function readNames(answer: string, limit: number): string[] {
  const text = answer.slice(0, ANSWER_LENGTH_MAX);
  const candidates = namesOfJson(text) ?? namesOfLines(text);
  const names = new Map<string, string>();
  for (const candidate of candidates) {
    if (names.size >= limit) break;
    const name = candidate.normalize('NFC').replace(/\s+/g, ' ').trim();
    const key = nameKey(name);
    if (isName(name) && !names.has(key)) names.set(key, name);
  }
  return [...names.values()];
}

/** What two spellings of one name have in common. */
export function nameKey(name: string): string {
  return name
    .normalize('NFKC')
    .toLocaleLowerCase('en')
    .replace(/[\p{P}\p{S}\s]/gu, '');
}

function isName(text: string): boolean {
  return (
    text.length > 0 &&
    text.length <= NAME_LENGTH_MAX &&
    text.isWellFormed() &&
    !NOTHING_WRITTEN.test(text) &&
    !MARKUP.test(text) &&
    !INVISIBLE.test(text)
  );
}

/** Of `{ "names": [...] }` or a bare array, also within a fence or between sentences. Null where no JSON of that kind is found. */
function namesOfJson(text: string): string[] | null {
  for (const [open, close] of [
    ['{', '}'],
    ['[', ']'],
  ] as const) {
    const start = text.indexOf(open);
    const end = text.lastIndexOf(close);
    if (start < 0 || end <= start) continue;
    const names = namesOfValue(parsed(text.slice(start, end + 1)));
    if (names) return names;
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function namesOfValue(value: unknown): string[] | null {
  if (Array.isArray(value)) return value.flatMap(nameOfItem);
  if (typeof value !== 'object' || value === null) return null;
  const { names } = value as { names?: unknown };
  return Array.isArray(names) ? names.flatMap(nameOfItem) : null;
}

function nameOfItem(item: unknown): string[] {
  if (typeof item === 'string') return [item];
  if (typeof item !== 'object' || item === null) return [];
  const { name } = item as { name?: unknown };
  return typeof name === 'string' ? [name] : [];
}

/** Of lines with bullets or numbers; of all short lines where none has one. Sentences are no names. */
function namesOfLines(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const listed = lines.filter((line) => BULLET.test(line));
  return (listed.length > 0 ? listed : lines)
    .map((line) => line.replace(BULLET, '').replace(EXPLANATION, '').replace(QUOTES, ''))
    .filter((line) => !/[.!?:]$/.test(line.trim()) && line.trim().split(/\s+/).length <= WORDS_MAX);
}

/** A line of more words is a sentence. */
const WORDS_MAX = 6;
