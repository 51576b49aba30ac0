const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

/** The time that an RFC 3339 text names; undefined for any other text, e.g. the 30th of February. */
export function parseTime(text: string): Date | undefined {
  if (!RFC_3339.test(text)) return undefined;
  try {
    return new Date(Temporal.Instant.from(text).epochMilliseconds);
  } catch {
    return undefined;
  }
}

/** A duration of ISO 8601 that does not go back, e.g. `P1M` or `PT36H`; undefined for any other text. */
export function parseDuration(text: string): Temporal.Duration | undefined {
  try {
    const duration = Temporal.Duration.from(text);
    return duration.sign < 0 ? undefined : duration;
  } catch {
    return undefined;
  }
}

/**
 * `duration` after `at` in UTC; months are counted by the calendar, so a month after 31 January is 28 February. Undefined beyond what a date
 * can hold.
 */
export function timeAfter(at: Date, duration: Temporal.Duration): Date | undefined {
  try {
    const start = Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO('UTC');
    return new Date(start.add(duration).epochMilliseconds);
  } catch {
    return undefined;
  }
}
