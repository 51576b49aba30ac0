/** Shorter names are near too many others. */
const NAME_LENGTH_MIN = 8;
/** Below it one letter alone: `HTTP_URL` is not `SMTP_URL`. */
const LONG_NAME_LENGTH = 12;
/** Of a provider that the operator named, or of another program. */
const NAMED_BY_OTHERS = /_(?:API_KEY|BASE_URL)$/;

/**
 * Variables that are none of ours and look like one that is not set, each with the one that is meant: what an operator believes to have set would
 * be left at its default without a word.
 */
export function misspeltFaults(source: Record<string, string | undefined>, known: readonly string[]): string[] {
  const missing = known.filter((name) => name.length >= NAME_LENGTH_MIN && !source[name]);
  const unknown = Object.keys(source).filter(
    (name) => source[name] && !known.includes(name) && !NAMED_BY_OTHERS.test(name),
  );
  return unknown.flatMap((name) => {
    const meant = missing.find((candidate) => isNear(name, candidate));
    return meant === undefined ? [] : [`${name}: is no variable of Tollgate. Is it ${meant}? Else unset it.`];
  });
}

function isNear(name: string, other: string): boolean {
  const most = other.length < LONG_NAME_LENGTH ? 1 : 2;
  return Math.abs(name.length - other.length) <= most && differences(name, other) <= most;
}

/** Letters that are missing, too many or others: Levenshtein's distance, row by row. */
function differences(name: string, other: string): number {
  let above = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [row, letter] of name.split('').entries()) {
    const current = [row + 1];
    for (const [column, candidate] of other.split('').entries()) {
      const replaced = above[column]! + (letter === candidate ? 0 : 1);
      current.push(Math.min(replaced, above[column + 1]! + 1, current[column]! + 1));
    }
    above = current;
  }
  return above[other.length]!;
}
