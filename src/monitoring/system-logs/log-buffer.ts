import { Injectable } from '@nestjs/common';

/** Some seconds of a busy process in trouble; a few megabytes at most. */
const LINES_MAX = 5_000;
/** The requests' own lines: their counts are in `api_usage`, so that no request costs a row. Those that failed are kept. */
export const REQUESTS = 'Http';
/** What is written about writing would be written again. */
export const UNSTORED_SERVICE = 'SystemLogWriter';
/** Statements, where the level lets them through: to store one takes another. */
const STATEMENTS = 'MikroORM';
/** Mails that a development server shows in its terminal: their links open accounts. */
const MAILS = 'Mail';

const UNSTORED = new Set<unknown>([UNSTORED_SERVICE, STATEMENTS, MAILS]);
const WARN = 40;
const METADATA: unique symbol = Symbol.for('pino.metadata') as never;

/**
 * Lines of the log that wait to be stored: what the logger writes to beside the terminal. Writing is a test and a push; where more wait than
 * there is room for, the newest are dropped and counted.
 */
@Injectable()
export class LogBuffer {
  /** The logger hands over the line's own object with its text: what it is about can be told without reading the text. */
  readonly [METADATA] = true;
  lastLevel = 0;
  lastObj: { context?: unknown } | null = null;

  private lines: string[] = [];
  dropped = 0;

  write(line: string): void {
    const service = this.lastObj?.context;
    this.lastObj = null;
    if (UNSTORED.has(service) || (service === REQUESTS && this.lastLevel < WARN)) return;
    if (this.lines.length < LINES_MAX) this.lines.push(line);
    else this.dropped += 1;
  }

  get waiting(): number {
    return this.lines.length;
  }

  /** The oldest lines, which wait no more. */
  take(count: number): string[] {
    return this.lines.splice(0, count);
  }

  /** Puts lines back that could not be stored now. Those that have no room any more are dropped, the oldest first. */
  putBack(lines: readonly string[]): void {
    const room = Math.max(0, LINES_MAX - this.lines.length);
    const kept = room === 0 ? [] : lines.slice(-room);
    this.dropped += lines.length - kept.length;
    this.lines.unshift(...kept);
  }
}
