import { ApiProperty, ApiPropertyOptional, IntersectionType } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, IsUUID, Length } from 'class-validator';
import { LastDayQuery } from '../../common/http/time-range.js';
import { TimePageQuery } from '../time-page.js';
import { SYSTEM_LOG_LEVELS, type SystemLogLevel } from './system-log.entity.js';

const NAME_LENGTH_MAX = 100;

export class SystemLogsQuery extends IntersectionType(TimePageQuery, LastDayQuery) {
  @ApiPropertyOptional({ enum: SYSTEM_LOG_LEVELS })
  @IsOptional()
  @IsIn(SYSTEM_LOG_LEVELS)
  level?: SystemLogLevel;

  @ApiPropertyOptional({ description: 'The part of the product that logged it', example: 'Http' })
  @IsOptional()
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  service?: string;

  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ format: 'uuid', description: 'A signed-in device or an API key' })
  @IsOptional()
  @IsUUID()
  sessionId?: string;

  @ApiPropertyOptional({ format: 'uuid', description: 'The X-Request-Id of an answer' })
  @IsOptional()
  @IsUUID()
  requestId?: string;

  @ApiPropertyOptional({ description: 'A part of the message, in any case', maxLength: NAME_LENGTH_MAX })
  @IsOptional()
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  text?: string;
}

export class SystemLogView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ enum: SYSTEM_LOG_LEVELS }) level!: SystemLogLevel;
  @ApiProperty() service!: string;
  @ApiProperty() message!: string;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) userId!: string | null;
  @ApiProperty({ type: String, nullable: true }) sessionId!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'What else the line told, redacted' })
  metadata!: Record<string, unknown>;
}

export class SystemLogsPage {
  @ApiProperty({ type: [SystemLogView] }) data!: SystemLogView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

/** A row as it is read. */
export interface SystemLogRecord {
  id: string;
  created_at: string;
  level: SystemLogLevel;
  service: string;
  message: string;
  user_id: string | null;
  session_id: string | null;
  metadata: Record<string, unknown>;
}

export function toSystemLogView({ created_at, user_id, session_id, ...row }: SystemLogRecord): SystemLogView {
  return { ...row, createdAt: created_at, userId: user_id, sessionId: session_id };
}
