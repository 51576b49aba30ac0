import { decodeCursor } from './paging.js';
import { isUuid } from '../ids.js';

const INSTANT = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;

/** A row by the keys of its table: `owner/id`. */
export interface RowPosition {
  userId: string;
  id: string;
}

/** A line of time: `instant/id`. */
export interface TimePosition {
  at: string;
  id: string;
}

/** @throws InvalidRequestError when it is no cursor of such a list */
export function rowPosition(cursor: string | undefined): RowPosition | null {
  const text = decodeCursor(cursor, (one) => {
    const parts = one.split('/');
    return parts.length === 2 && parts.every(isUuid);
  });
  const [userId, id] = text?.split('/') ?? [];
  return userId === undefined || id === undefined ? null : { userId, id };
}

/** @throws InvalidRequestError when it is no cursor of such a list */
export function timePosition(cursor: string | undefined): TimePosition | null {
  const text = decodeCursor(cursor, (one) => {
    const [at = '', id = '', ...rest] = one.split('/');
    return rest.length === 0 && isUuid(id) && INSTANT.test(at) && isDay(at.slice(0, 10));
  });
  const [at, id] = text?.split('/') ?? [];
  return at === undefined || id === undefined ? null : { at, id };
}

/** Of the calendar: to the parser of dates, 31 February is a day in March. */
function isDay(day: string): boolean {
  const at = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}
