/** Deeper than any report that a person wrote the format of. */
export const PAYLOAD_DEPTH_MAX = 32;
/** A report of five megabytes has lines of a hundred characters; many more values than that are made to cost us time. */
export const PAYLOAD_VALUES_MAX = 50_000;
/** Longer names are data in the wrong place. */
export const PAYLOAD_NAME_LENGTH_MAX = 256;

/** Which bound a JSON value breaks, in words for its sender; null where it is within all of them. Stops at the first. */
export function findExcess(value: unknown): string | null {
  let seen = 0;
  const waiting: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    seen += 1;
    if (typeof next.value !== 'object' || next.value === null) continue;
    const depth = next.depth + 1;
    if (depth > PAYLOAD_DEPTH_MAX) return `must not nest deeper than ${PAYLOAD_DEPTH_MAX} levels`;
    const members = Object.entries(next.value);
    if (seen + waiting.length + members.length > PAYLOAD_VALUES_MAX)
      return `must hold at most ${PAYLOAD_VALUES_MAX} values`;
    if (members.some(([name]) => name.length > PAYLOAD_NAME_LENGTH_MAX))
      return `must have no name longer than ${PAYLOAD_NAME_LENGTH_MAX} characters`;
    for (const [, member] of members) waiting.push({ value: member, depth });
  }
  return null;
}
