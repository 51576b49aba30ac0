/** SQLSTATEs, or the classes they begin with, of a database that cannot serve now and may a moment later. */
const PASSING_STATES = [
  '08', // connection exceptions
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53', // insufficient resources, too many connections among them
  '55P03', // lock_not_available
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
];

const ROLLED_BACK_STATES = ['40001', '40P01'];
/** The server ended the session, perhaps between a commit and its answer. */
const ENDED_SESSION_STATES = ['57P01', '57P02'];
const LOST_CONNECTION_CODES = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'];
/** The driver gives these no code. */
const LOST_CONNECTION = /^Connection terminated|^Client has encountered a connection error/;
const NO_CONNECTION_CODES = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'];
/** What the pool and the driver say when no connection became free, or none was made, in time. */
const NO_CONNECTION =
  /^timeout exceeded when trying to connect|^timeout expired|^Connection terminated due to connection timeout/;

/** Whether `error` says that the database has no room or is not there now: the same request may succeed a little later. */
export function isPassingFailure(error: unknown): boolean {
  const { code } = detailsOf(error);
  return (
    PASSING_STATES.some((state) => isSqlState(code) && code.startsWith(state)) ||
    NO_CONNECTION_CODES.includes(code) ||
    saysSo(error, NO_CONNECTION) ||
    isOutcomeUnknown(error)
  );
}

/** Whether the connection was lost after a statement may have been sent: it may have been committed all the same. */
export function isOutcomeUnknown(error: unknown): boolean {
  if (saysSo(error, NO_CONNECTION)) return false;
  const { code } = detailsOf(error);
  return [...LOST_CONNECTION_CODES, ...ENDED_SESSION_STATES].includes(code) || saysSo(error, LOST_CONNECTION);
}

/** Whether the database undid a transaction for the sake of others, e.g. to end a deadlock: it may be run again at once. */
export function isRolledBackForOthers(error: unknown): boolean {
  return ROLLED_BACK_STATES.includes(detailsOf(error).code);
}

function saysSo(error: unknown, pattern: RegExp): boolean {
  return pattern.test(detailsOf(error).message);
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code);
}

function detailsOf(error: unknown): { code: string; message: string } {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : '' };
}
