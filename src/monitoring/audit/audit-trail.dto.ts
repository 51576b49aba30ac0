import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, IsUUID, Length } from 'class-validator';
import { IsTime } from '../../common/http/is-time.js';
import { TimePageQuery } from '../time-page.js';

const NAME_LENGTH_MAX = 200;

export class AuditTrailQuery extends TimePageQuery {
  @ApiPropertyOptional({ format: 'uuid', description: 'Who did it' })
  @IsOptional()
  @IsUUID()
  actorId?: string;

  @ApiPropertyOptional({ example: 'plan.update' })
  @IsOptional()
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  action?: string;

  @ApiPropertyOptional({ example: 'plan', description: 'The kind of thing that was changed' })
  @IsOptional()
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  entity?: string;

  @ApiPropertyOptional({ example: 'pro' })
  @IsOptional()
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  entityId?: string;

  @ApiPropertyOptional({ format: 'uuid', description: 'The X-Request-Id of the answer' })
  @IsOptional()
  @IsUUID()
  requestId?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Included; all there is without it' })
  @IsOptional()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Excluded' })
  @IsOptional()
  @IsTime()
  to?: string;
}

export class AuditEntryView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'Null: the product itself' })
  actorId!: string | null;
  @ApiProperty({ example: 'plan.update' }) action!: string;
  @ApiProperty({ example: 'plan' }) entity!: string;
  @ApiProperty({ example: 'pro' }) entityId!: string;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) before!: object | null;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) after!: object | null;
  @ApiProperty({ type: String, nullable: true }) reason!: string | null;
  @ApiProperty({ type: String, nullable: true }) ip!: string | null;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) requestId!: string | null;
}

export class AuditTrailPage {
  @ApiProperty({ type: [AuditEntryView] }) data!: AuditEntryView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

/** A row as it is read. */
export interface AuditRecord {
  id: string;
  created_at: string;
  actor_id: string | null;
  action: string;
  entity: string;
  entity_id: string;
  before: object | null;
  after: object | null;
  reason: string | null;
  ip: string | null;
  request_id: string | null;
}

export function toAuditEntryView(row: AuditRecord): AuditEntryView {
  const { created_at, actor_id, entity_id, request_id, ...rest } = row;
  return { ...rest, createdAt: created_at, actorId: actor_id, entityId: entity_id, requestId: request_id };
}
