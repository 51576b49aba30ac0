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
