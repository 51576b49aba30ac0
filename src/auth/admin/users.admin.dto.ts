import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { isUuid } from '../../common/ids.js';
import { Profile } from '../account/me.dto.js';

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
const CURSOR_LENGTH_MAX = 512;
const EMAIL_LENGTH_MAX = 254;

export class UsersQuery {
  @ApiPropertyOptional({ description: 'Part of an address, upper and lower case alike' })
  @IsOptional()
  @IsString()
  @MaxLength(EMAIL_LENGTH_MAX)
  email?: string;

  @ApiPropertyOptional({ minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(PAGE_MAX)
  limit: number = PAGE_DEFAULT;

  @ApiPropertyOptional({ description: 'The nextCursor of the page before' })
  @IsOptional()
  @IsString()
  @MaxLength(CURSOR_LENGTH_MAX)
  cursor?: string;
}

export class UsersPage {
  @ApiProperty({ type: [Profile] })
  data!: Profile[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}

export function encodeCursor(id: string | null): string | null {
  return id === null ? null : Buffer.from(id).toString('base64url');
}

/** @throws InvalidRequestError when it is no cursor of ours */
export function decodeCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!isUuid(id)) {
    throw InvalidRequestError.of([{ field: 'cursor', message: 'send the nextCursor of the page before, unchanged' }]);
  }
  return id;
}
