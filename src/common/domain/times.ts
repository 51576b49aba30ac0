const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;
const DAY = /^\d{4}-\d\d-\d\d$/;

/** The years that the database, the calendar and RFC 3339 write alike. */
const FIRST = Date.parse('0001-01-01T00:00:00Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * The time that an RFC 3339 text names; undefined for any other text: the 30th of February, a week's date, or a time without its zone, which
 * would be another one on every server.
 */
export function parseTime(text: string): Date | undefined {
  if (!RFC_3339.test(text)) return undefined;
  try {
    const { epochMilliseconds } = Temporal.Instant.from(text);
    return epochMilliseconds >= FIRST && epochMilliseconds <= LAST ? new Date(epochMilliseconds) : undefined;
  } catch {
    return undefined;
  }
}

/** The same time, or the first of those that may be asked for: PostgreSQL has no year 0. */
export function notBeforeFirst(time: Date): Date {
  return new Date(Math.max(time.getTime(), FIRST));
}

/** The time of a text that has been checked to be one. */
export function timeOf(text: string): Date {
  const time = parseTime(text);
  if (!time) throw new Error('a time was read from a text that is none');
  return time;
}

/** Whether the text is a day of the calendar such as `2026-05-10`. */
export function isDay(text: string): boolean {
  return DAY.test(text) && parseTime(`${text}T00:00:00Z`) !== undefined;
}
