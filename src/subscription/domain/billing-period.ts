export interface BillingPeriod {
  index: number;
  start: Date;
  /** Exclusive: an event at this moment belongs to the next period. */
  end: Date;
}

/**
 * The n-th month counted from the anchor, in UTC, clamped to the month's last day. Always from the anchor, never from the period before:
 * 31 January is followed by 28 February and then by 31 March.
 */
export function billingPeriod(anchor: Date, index: number): BillingPeriod {
  return { index, start: monthsAfter(anchor, index), end: monthsAfter(anchor, index + 1) };
}

/** The period that holds `at`, which must not be before the anchor. */
export function billingPeriodAt(anchor: Date, at: Date): BillingPeriod {
  if (at < anchor) throw new RangeError('no period begins before its anchor');
  const months = (at.getUTCFullYear() - anchor.getUTCFullYear()) * 12 + at.getUTCMonth() - anchor.getUTCMonth();
  const period = billingPeriod(anchor, Math.max(0, months));
  return period.start > at ? billingPeriod(anchor, months - 1) : period;
}

function monthsAfter(anchor: Date, months: number): Date {
  const start = Temporal.Instant.fromEpochMilliseconds(anchor.getTime()).toZonedDateTimeISO('UTC');
  return new Date(start.add({ months }).epochMilliseconds);
}
