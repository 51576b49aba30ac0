import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { IfSent } from '../common/http/if-sent.js';
import { IsTime } from '../common/http/is-time.js';
import { OptionalReasonRequest } from '../common/http/reason-request.js';

/** More than any duration needs. */
const TEXT_LENGTH_MAX = 64;

export class ClockMoveBody extends OptionalReasonRequest {
  @ApiPropertyOptional({ format: 'date-time', description: 'Where to, RFC 3339', example: '2027-01-31T12:00:00Z' })
  @IfSent()
  @IsTime()
  now?: string;

  @ApiPropertyOptional({
    description: 'By how much, an ISO 8601 duration counted in UTC from the test time',
    example: 'P1M',
  })
  @IsOptional()
  @MaxLength(TEXT_LENGTH_MAX)
  @IsString()
  advance?: string;
}

export class ClockView {
  @ApiProperty({ format: 'date-time', description: "The product's time" })
  now!: string;

  @ApiProperty({ format: 'date-time', description: 'What sign-ins and tokens run on; cannot be moved' })
  realNow!: string;

  @ApiProperty({ description: 'How far the one is ahead of the other' })
  offsetMs!: number;
}

export class ClockMovedView extends ClockView {
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'object', additionalProperties: { type: 'number' } },
    description: 'What every job did at the new time, counted',
    example: { 'sweep-expired-holds': { expired: 0 } },
  })
  jobs!: Record<string, Record<string, number>>;
}

export function toClockView(now: Date, offsetMs: number): ClockView {
  return { now: now.toISOString(), realNow: new Date(now.getTime() - offsetMs).toISOString(), offsetMs };
}
