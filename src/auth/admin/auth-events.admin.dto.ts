import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsIP, IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { IsTime } from '../../common/http/is-time.js';
import { PageQuery } from '../../common/http/paging.js';
import type { AuthEvent } from '../identity/auth-event.entity.js';
import { AUTH_EVENTS, type AuthEventName } from '../identity/auth-event.recorder.js';

const CLIENT_ID_LENGTH_MAX = 100;

export class AuthEventsQuery extends PageQuery {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ format: 'uuid', description: 'One signed-in device' })
  @IsOptional()
  @IsUUID()
  sessionId?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @MaxLength(CLIENT_ID_LENGTH_MAX)
  @IsString()
  clientId?: string;

  @ApiPropertyOptional({ enum: AUTH_EVENTS })
  @IsOptional()
  @IsIn(AUTH_EVENTS)
  event?: AuthEventName;

  @ApiPropertyOptional({ description: 'The address that it came from' })
  @IsOptional()
  @IsIP()
  ip?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'From then on' })
  @IsOptional()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Before then' })
  @IsOptional()
  @IsTime()
  to?: string;
}

export class AuthEventView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ enum: AUTH_EVENTS })
  event!: string;

  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  userId!: string | null;

  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  sessionId!: string | null;

  @ApiProperty({ type: String, nullable: true })
  clientId!: string | null;

  @ApiProperty({ type: String, nullable: true })
  ip!: string | null;

  @ApiProperty({ type: String, nullable: true })
  userAgent!: string | null;

  @ApiProperty({ type: String, nullable: true })
  requestId!: string | null;

  @ApiProperty({ type: 'object', additionalProperties: true, description: 'Never a secret, a token or a password' })
  details!: Record<string, unknown>;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;
}

export class AuthEventsPage {
  @ApiProperty({ type: [AuthEventView], description: 'Newest first' })
  data!: AuthEventView[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}

export function toAuthEventView(event: AuthEvent): AuthEventView {
  return {
    id: event.id,
    event: event.event,
    userId: event.userId ?? null,
    sessionId: event.grantId ?? null,
    clientId: event.clientId ?? null,
    ip: event.ip ?? null,
    userAgent: event.userAgent ?? null,
    requestId: event.requestId ?? null,
    details: event.details,
    createdAt: event.createdAt.toISOString(),
  };
}
