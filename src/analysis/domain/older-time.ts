import { isDay } from '../../common/domain/times.js';

/** As databases write a time that has no zone. */
const WITHOUT_ZONE = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)$/;
/** An offset or a name of UTC behind the minutes or seconds, and what JavaScript writes behind that. */
const WITH_ZONE = /:\d\d(?:\.\d+)? ?(?:Z|GMT|UTC|(?:GMT|UTC)?[+-]\d\d(?::?\d\d)?)(?: \([^()]*\))?$/i;
/** Milliseconds, as files that were tables write them: from 2001 on. */
const MILLISECONDS = /^\d{13}$/;

/**
 * A time of an older file as `Date` reads it, which takes for one of the machine's own zone what names none, and the 31st of February for one
 * in March: such a time is in UTC where its order is plain, otherwise it is none (`NaN`). What is no text stays as it is.
 */
export function readableTime(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (MILLISECONDS.test(value)) return Number(value);
  const day = /^\d{4}-\d\d-\d\d(?=[T ]|$)/.exec(value)?.[0];
  if (day !== undefined && !isDay(day)) return NaN;
  if (value === day) return value;
  const inUtc = value.replace(WITHOUT_ZONE, '$1T$2Z');
  return WITH_ZONE.test(inUtc) ? inUtc : NaN;
}
