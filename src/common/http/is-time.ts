import { Transform } from 'class-transformer';
import { IsDate, ValidateBy } from 'class-validator';
import { isDay, parseTime } from '../domain/times.js';

const TIME_RULE = 'must be a time with its zone, such as 2026-05-10T12:00:00Z';
const DAY_RULE = 'must be a day such as 2026-05-10';

/** A text in RFC 3339 with `Z` or an offset: without one it would be another time on every server. `timeOf` reads it. */
export function IsTime(): PropertyDecorator {
  return ValidateBy({
    name: 'isTime',
    validator: {
      validate: (value) => typeof value === 'string' && parseTime(value) !== undefined,
      defaultMessage: () => TIME_RULE,
    },
  });
}

/** The same where the field is wanted as a `Date`. */
export function IsTimeRead(): PropertyDecorator {
  return (target, key) => {
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? (parseTime(value) ?? value) : value))(
      target,
      key,
    );
    IsDate({ message: TIME_RULE })(target, key);
  };
}

/** A day of the calendar, `YYYY-MM-DD`. */
export function IsDay(): PropertyDecorator {
  return ValidateBy({
    name: 'isDay',
    validator: { validate: (value) => typeof value === 'string' && isDay(value), defaultMessage: () => DAY_RULE },
  });
}
