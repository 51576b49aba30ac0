import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { timeOf } from '../common/domain/times.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { type AuditCause, AuditTrail } from '../monitoring/audit-trail.service.js';
import { parseDuration, timeAfter } from './domain/clock-move.js';
import { JobRegistry, type JobSummary } from './job-registry.js';
import { PARTITIONS_JOB } from './partitions.job.js';
import { TestClockService } from './test-clock.service.js';

/** The body of a move: one of the two. */
export interface ClockMove {
  now?: string;
  advance?: string;
}

export interface ClockMoved {
  now: Date;
  jobs: Record<string, JobSummary>;
}

/** Moves the test clock for an operator and lets everything that falls due happen. */
@Injectable()
export class ClockAdminService {
  constructor(
    private readonly testClock: TestClockService,
    private readonly clock: Clock,
    private readonly jobs: JobRegistry,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Moves the clock of all replicas, then runs every job at the new time, here.
   * @throws InvalidRequestError for what is no duration, ClockMovesForwardError, ClockTooFarError
   */
  async move(move: ClockMove, cause: AuditCause): Promise<ClockMoved> {
    const target = targetOf(move);
    const before = this.clock.now();
    const now = await this.testClock.move(target);
    // Before anything is written at the new time: a row whose month there is not keeps that month from being made.
    await this.jobs.runNow(PARTITIONS_JOB, now);
    await this.audit.record(
      { action: 'clock.move', entity: 'test_clock', entityId: 'test_clock', before: { now: before }, after: { now } },
      cause,
      now,
    );
    return { now, jobs: await this.jobs.runAll(now) };
  }
}

function targetOf({ now, advance }: ClockMove): (current: Date) => Date | undefined {
  if ((now === undefined) === (advance === undefined))
    throw InvalidRequestError.of([{ field: 'now', message: 'send either now or advance' }]);
  if (now !== undefined) {
    const time = timeOf(now);
    return () => time;
  }
  const duration = parseDuration(advance!);
  if (duration) return (current) => timeAfter(current, duration);
  throw InvalidRequestError.of([
    { field: 'advance', message: 'must be an ISO 8601 duration that does not go back, e.g. P1M or PT36H' },
  ]);
}
