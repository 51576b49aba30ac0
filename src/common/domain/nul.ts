const NUL = String.fromCharCode(0);

/** Whether a string anywhere in `value` holds a NUL character: PostgreSQL can store it neither as text nor in JSON. */
export function hasNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes(NUL);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, member]) => name.includes(NUL) || hasNul(member));
}
