import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, IsUUID, Length } from 'class-validator';
import { PageQuery } from '../../common/http/paging.js';
import type { ErrorLog } from './circuit-breaker.entity.js';

const TYPE_LENGTH_MAX = 100;

export class ErrorLogsQuery extends PageQuery {
  @ApiPropertyOptional({ maxLength: TYPE_LENGTH_MAX, example: 'provider_timeout' })
  @IsOptional()
  @IsString()
  @Length(1, TYPE_LENGTH_MAX)
  errorType?: string;

  @ApiPropertyOptional({ format: 'uuid', description: 'The analysis that it kept waiting' })
  @IsOptional()
  @IsUUID()
  analysisId?: string;

  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  requestId?: string;
}

export class ErrorLogView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ example: 'provider_timeout' }) errorType!: string;
  @ApiProperty() message!: string;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'The provider and the model' })
  context!: Record<string, unknown>;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) analysisId!: string | null;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) requestId!: string | null;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class ErrorLogsPage {
  @ApiProperty({ type: [ErrorLogView] }) data!: ErrorLogView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export function toErrorLogView({ id, errorType, message, context, ...log }: ErrorLog): ErrorLogView {
  const { analysisId = null, requestId = null } = log;
  return { id, errorType, message, context, analysisId, requestId, createdAt: log.createdAt.toISOString() };
}
