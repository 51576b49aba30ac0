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

/** A line of the log as a row: null for text that is no such line. Bounded, and without the NUL characters that no column takes. */
export function toSystemLog(text: string): SystemLogRow | null {
  const line = parse(text);
  if (!line) return null;
  const { level, time, msg, context, userId, sessionId, pid: _pid, hostname: _hostname, ...rest } = line;
  const at = typeof time === 'number' ? new Date(time) : null;
  if (!at || Number.isNaN(at.getTime())) return null;
  return {
    level: levelOf(level),
    message: (typeof msg === 'string' ? msg : '').slice(0, MESSAGE_LENGTH_MAX),
    service: (typeof context === 'string' ? context : 'Tollgate').slice(0, SERVICE_LENGTH_MAX),
    metadata: bounded(rest, rest.requestId ?? rest.http?.id),
    userId: typeof userId === 'string' && isUuid(userId) ? userId : null,
    sessionId: typeof sessionId === 'string' ? sessionId.slice(0, SERVICE_LENGTH_MAX) : null,
    createdAt: at.toISOString(),
  };
}

function parse(text: string): LogLine | null {
  try {
    const line: unknown = JSON.parse(text.replaceAll('\\u0000', ''));
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
