import { createHash } from 'node:crypto';

/** A digest of what a request asks for: the same for the same route and the same JSON, however its members are ordered or spaced. */
export function requestHash(route: string, body: unknown): Buffer {
  return createHash('sha256')
    .update(`${route}\n`)
    .update(JSON.stringify(body, inOrder) ?? '')
    .digest();
}

function inOrder(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value);
  const isSorted = members.every(([name], index) => index === 0 || (members[index - 1]?.[0] ?? '') < name);
  return isSorted ? value : Object.fromEntries(members.sort(([one], [other]) => (one < other ? -1 : 1)));
}
