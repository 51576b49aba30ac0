import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Length } from 'class-validator';

export const REASON_LENGTH_MAX = 500;

/** A change that says why: the reason is kept with what was done. */
export class ReasonRequest {
  @ApiProperty({ minLength: 1, maxLength: REASON_LENGTH_MAX, description: 'Why; kept with what was done' })
  @IsString()
  @Length(1, REASON_LENGTH_MAX)
  reason!: string;
}

/** The same of what changes nothing that was decided, such as one more run of a job: the reason may be left out, and the body with it. */
export class OptionalReasonRequest {
  @ApiPropertyOptional({ minLength: 1, maxLength: REASON_LENGTH_MAX, description: 'Why; kept with what was done' })
  @IsOptional()
  @IsString()
  @Length(1, REASON_LENGTH_MAX)
  reason?: string;
}
