/**
 * How far two results say the same, 0 to 1: the share of their members that do. Numbers agree by their distance relative to the larger, lists
 * by what they have in common, texts by their words.
 */
export function agreementOf(one: Record<string, unknown>, other: Record<string, unknown>): number {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  if (names.size === 0) return 1;
  const sum = [...names].reduce((total, name) => total + likeness(one[name], other[name]), 0);
  return Number((sum / names.size).toFixed(3));
}

function likeness(one: unknown, other: unknown): number {
  if (typeof one === 'number' && typeof other === 'number') {
    const larger = Math.max(Math.abs(one), Math.abs(other));
    return larger === 0 ? 1 : Math.max(0, 1 - Math.abs(one - other) / larger);
  }
  if (typeof one === 'string' && typeof other === 'string') return common(wordsOf(one), wordsOf(other));
  if (Array.isArray(one) && Array.isArray(other)) return common(one.map(textOf), other.map(textOf));
  return textOf(one) === textOf(other) ? 1 : 0;
}

/** What two lists have in common, of all that is in either (Jaccard). */
function common(one: readonly string[], other: readonly string[]): number {
  const all = new Set([...one, ...other]);
  if (all.size === 0) return 1;
  const others = new Set(other);
  return [...new Set(one)].filter((item) => others.has(item)).length / all.size;
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

function textOf(value: unknown): string {
  return JSON.stringify(value) ?? '';
}
