import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsNotEmpty, IsOptional, IsString, MaxLength } from 'class-validator';
import { PageQuery } from '../common/http/paging.js';
import type { ScheduledJob } from './job-admin.service.js';
import { JOB_FAILURE_STATES, type JobFailure, type JobFailureState } from './job-failure.entity.js';
import { JOB_OUTCOMES, type JobOutcome } from './job-run.entity.js';

const JOB_NAME_LENGTH_MAX = 63;
const REASON_LENGTH_MAX = 500;

const SUMMARY = { type: 'object', additionalProperties: { type: 'number' }, example: { expired: 2 } } as const;

export class JobRunView {
  @ApiProperty({
    format: 'date-time',
    description: "The product's time it ran at; ahead of real time where the test clock was moved",
  })
  ranAt!: string;

  @ApiProperty({ format: 'date-time', description: 'Real time' })
  finishedAt!: string;

  @ApiProperty()
  durationMs!: number;

  @ApiProperty({ enum: JOB_OUTCOMES })
  outcome!: JobOutcome;

  @ApiProperty({ ...SUMMARY, description: 'What it did, counted' })
  summary!: Record<string, number>;

  @ApiProperty({ type: String, nullable: true, description: 'Why it failed' })
  reason!: string | null;
}

export class JobView {
  @ApiProperty({ example: 'sweep-expired-holds' })
  name!: string;

  @ApiProperty({ example: '* * * * *', description: 'UTC' })
  cron!: string;

  @ApiProperty({ format: 'date-time' })
  nextRunAt!: string;

  @ApiProperty({ type: JobRunView, nullable: true, description: 'On whichever replica; null before the first' })
  lastRun!: JobRunView | null;
}

export class JobList {
  @ApiProperty({ type: [JobView] })
  data!: JobView[];
}

export class JobRunResult {
  @ApiProperty()
  job!: string;

  @ApiProperty({ format: 'date-time' })
  ranAt!: string;

  @ApiProperty({ ...SUMMARY, description: 'What it did, counted' })
  summary!: Record<string, number>;
}

export class JobFailuresQuery extends PageQuery {
  @ApiPropertyOptional({ enum: JOB_FAILURE_STATES })
  @IsOptional()
  @IsIn(JOB_FAILURE_STATES)
  state?: JobFailureState;

  @ApiPropertyOptional({ description: 'The name of a job' })
  @IsOptional()
  @MaxLength(JOB_NAME_LENGTH_MAX)
  @IsString()
  job?: string;
}

export class Dismissal {
  @ApiProperty({ maxLength: REASON_LENGTH_MAX, description: 'Why nothing is to be done; kept with the failure' })
  @MaxLength(REASON_LENGTH_MAX)
  @IsNotEmpty()
  @IsString()
  reason!: string;
}

export class JobFailureView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'reconciliation' })
  job!: string;

  @ApiProperty({ description: 'What kind of thing it failed for', example: 'check' })
  entity!: string;

  @ApiProperty({ description: 'Which one' })
  entityId!: string;

  @ApiProperty({ type: 'object', additionalProperties: true })
  payload!: Record<string, unknown>;

  @ApiProperty({ description: 'The newest reason first' })
  reason!: string;

  @ApiProperty()
  attempts!: number;

  @ApiProperty({ enum: JOB_FAILURE_STATES })
  state!: JobFailureState;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'Null where a later run succeeded' })
  resolvedBy!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  resolvedAt!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Why it was dismissed' })
  resolution!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ format: 'date-time', description: 'Of the last attempt or the end' })
  updatedAt!: string;
}

export class JobFailuresPage {
  @ApiProperty({ type: [JobFailureView] })
  data!: JobFailureView[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}

export function toJobView({ job, lastRun, nextRunAt }: ScheduledJob): JobView {
  return {
    name: job.name,
    cron: job.cron,
    nextRunAt: nextRunAt.toISOString(),
    lastRun: lastRun && {
      ranAt: lastRun.ranAt.toISOString(),
      finishedAt: lastRun.finishedAt.toISOString(),
      durationMs: lastRun.durationMs,
      outcome: lastRun.outcome,
      summary: lastRun.summary,
      reason: lastRun.reason ?? null,
    },
  };
}

export function toJobFailureView(failure: JobFailure): JobFailureView {
  const { id, job, entity, entityId, payload, reason, attempts, state } = failure;
  return {
    id,
    job,
    entity,
    entityId,
    payload,
    reason,
    attempts,
    state,
    resolvedBy: failure.resolvedBy ?? null,
    resolvedAt: failure.resolvedAt?.toISOString() ?? null,
    resolution: failure.resolution ?? null,
    createdAt: failure.createdAt.toISOString(),
    updatedAt: failure.updatedAt.toISOString(),
  };
}
