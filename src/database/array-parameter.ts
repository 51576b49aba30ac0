/** What stands in an array without quotes. Ids and names are letters, digits, dashes and underscores. */
export type Plain = string | number | bigint | Date | null;

/**
 * A PostgreSQL array of values that need no quotes: numbers, ids, times and the names of enum values. The driver would look for quotes in each
 * of them, and a batch holds thousands.
 */
export function arrayOf(values: readonly Plain[]): string {
  return `{${values.map(toElement).join(',')}}`;
}

function toElement(value: Plain): string | number | bigint {
  if (value === null) return 'NULL';
  return value instanceof Date ? value.toISOString() : value;
}
