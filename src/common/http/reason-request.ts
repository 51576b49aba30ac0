import { ApiProperty } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';

export const REASON_LENGTH_MAX = 500;

/** A change that says why: the reason is kept with what was done. */
export class ReasonRequest {
  @ApiProperty({ minLength: 1, maxLength: REASON_LENGTH_MAX, description: 'Why; kept with what was done' })
  @IsString()
  @Length(1, REASON_LENGTH_MAX)
  reason!: string;
}
