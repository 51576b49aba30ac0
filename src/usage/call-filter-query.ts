import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { USAGE_OPERATIONS, type UsageOperation } from './token-usage.entity.js';

/** As long as an id of a model or the name of a provider may be. */
const NAME_LENGTH_MAX = 100;

/** Which calls a list or a report is about. */
export class CallFilterQuery {
  @ApiPropertyOptional({ example: 'gpt-5-mini' })
  @IsOptional()
  @MaxLength(NAME_LENGTH_MAX)
  @IsString()
  model?: string;

  @ApiPropertyOptional({ example: 'openai' })
  @IsOptional()
  @MaxLength(NAME_LENGTH_MAX)
  @IsString()
  provider?: string;

  @ApiPropertyOptional({ enum: USAGE_OPERATIONS })
  @IsOptional()
  @IsIn(USAGE_OPERATIONS)
  operation?: UsageOperation;
}
