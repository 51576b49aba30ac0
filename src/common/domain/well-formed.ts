/** Whether every string in `value`, names of members included, is Unicode: half of a surrogate pair is none, and PostgreSQL takes it in no JSON. */
export function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member));
}
