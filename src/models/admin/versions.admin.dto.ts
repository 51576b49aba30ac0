import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { ANY_VALUE } from '../../common/http/api-schemas.js';
import { PageQuery } from '../../common/http/paging.js';
import type { ModelMeta } from '../domain/model-meta.js';
import type { ModelRecord } from '../domain/tier-and-lifecycle.js';

const VERSION_NO_MAX = 2_147_483_647;

export class VersionDto {
  @ApiProperty() version!: number;
  @ApiProperty({ type: String, nullable: true, format: 'uuid', description: 'Null for a program' })
  changedBy!: string | null;
  @ApiProperty() reason!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class VersionPageDto {
  @ApiProperty({ type: [VersionDto], description: 'Newest first' }) data!: VersionDto[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class VersionWithMetaDto extends VersionDto {
  @ApiProperty({ type: 'object', additionalProperties: true }) meta!: ModelMeta;
}

export class DiffQuery {
  @ApiPropertyOptional({ description: 'The version to compare with; left out: the one before' })
  @IsOptional()
  @Type(() => Number)
  @Max(VERSION_NO_MAX)
  @Min(1)
  @IsInt()
  with?: number;
}

export class DocumentChangeDto {
  @ApiProperty({ example: 'parameterConstraints.temperature.max' }) path!: string;
  @ApiPropertyOptional({ ...ANY_VALUE, description: 'Absent where there was nothing' }) before?: unknown;
  @ApiPropertyOptional({ ...ANY_VALUE, description: 'Absent where there is nothing' }) after?: unknown;
}

export class DiffDto {
  @ApiProperty({ type: Number, nullable: true, description: 'Null for the first version' }) from!: number | null;
  @ApiProperty() to!: number;
  @ApiProperty({ type: [DocumentChangeDto] }) changes!: DocumentChangeDto[];
}

export class AuditQuery extends PageQuery {
  @ApiPropertyOptional()
  @IsOptional()
  @MaxLength(100)
  @IsString()
  modelId?: string;
}

export class TierAuditDto {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() modelId!: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) before!: ModelRecord;
  @ApiProperty({ type: 'object', additionalProperties: true }) after!: ModelRecord;
  @ApiProperty({ type: [DocumentChangeDto] }) changes!: DocumentChangeDto[];
  @ApiProperty() reason!: string;
  @ApiProperty({ type: String, nullable: true, format: 'uuid', description: 'Null for a program' })
  actorId!: string | null;
  @ApiProperty({ type: String, nullable: true }) ip!: string | null;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class TierAuditPageDto {
  @ApiProperty({ type: [TierAuditDto], description: 'Newest first' }) data!: TierAuditDto[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}
