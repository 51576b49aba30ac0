import { beginningOf, storable } from '../../common/domain/storable.js';
import { isUuid } from '../../common/ids.js';
import type { SystemLogLevel } from './system-log.entity.js';

/** A sentence; what is longer is the text of somebody else. */
const MESSAGE_LENGTH_MAX = 4_000;
const SERVICE_LENGTH_MAX = 100;
/** A stack and what belongs to it. A larger line is in the log itself. */
const METADATA_LENGTH_MAX = 16_000;

/** A line as the table takes it. */
export interface SystemLogRow {
  level: SystemLogLevel;
  message: string;
  service: string;
  metadata: Record<string, unknown>;
  userId: string | null;
  sessionId: string | null;
  createdAt: string;
}

interface LogLine {
  level?: unknown;
  time?: unknown;
  msg?: unknown;
  context?: unknown;
  userId?: unknown;
  sessionId?: unknown;
  pid?: unknown;
  hostname?: unknown;
  requestId?: unknown;
  http?: { id?: unknown };
}

/** What may be the escape of a NUL character or of half a character beyond the first plane. */
const SUSPECT = /\\u(0000|d[89a-f])/i;

/** A line of the log as a row: null for text that is no such line. Bounded, and without the characters that no column takes. */
export function toSystemLog(text: string): SystemLogRow | null {
  const line = parse(text);
  if (!line) return null;
  const { level, time, msg, context, userId, sessionId, pid: _pid, hostname: _hostname, ...rest } = line;
  const at = typeof time === 'number' ? new Date(time) : null;
  if (!at || Number.isNaN(at.getTime())) return null;
  return {
    level: levelOf(level),
    message: beginningOf(typeof msg === 'string' ? msg : '', MESSAGE_LENGTH_MAX),
    service: beginningOf(typeof context === 'string' ? context : 'Tollgate', SERVICE_LENGTH_MAX),
    metadata: bounded(rest, rest.requestId ?? rest.http?.id),
    userId: typeof userId === 'string' && isUuid(userId) ? userId : null,
    sessionId: typeof sessionId === 'string' ? beginningOf(sessionId, SERVICE_LENGTH_MAX) : null,
    createdAt: at.toISOString(),
  };
}

function parse(text: string): LogLine | null {
  try {
    const parsed: unknown = JSON.parse(text);
    // One text that PostgreSQL does not take would keep all lines of its statement from being stored.
    const line = SUSPECT.test(text) ? storable(parsed) : parsed;
    return typeof line === 'object' && line !== null ? line : null;
  } catch {
    return null;
  }
}

/** The logger's numbers: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal. */
function levelOf(level: unknown): SystemLogLevel {
  const number = Number(level);
  if (number >= 50) return 'error';
  if (number >= 40) return 'warn';
  return number >= 30 ? 'info' : 'debug';
}

/** What else the line told, with its request where every line has it. */
function bounded(rest: object, requestId: unknown): Record<string, unknown> {
  const { length } = JSON.stringify(rest);
  const kept = length <= METADATA_LENGTH_MAX ? rest : { leftOut: `${length} characters, more than are kept` };
  return { ...kept, ...(typeof requestId === 'string' && { requestId }) };
}
