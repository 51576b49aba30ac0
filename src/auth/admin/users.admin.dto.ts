import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { PageQuery } from '../../common/http/paging.js';
import { Profile } from '../account/me.dto.js';

const EMAIL_LENGTH_MAX = 254;

export class UsersQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Part of an address, upper and lower case alike' })
  @IsOptional()
  @MaxLength(EMAIL_LENGTH_MAX)
  @IsString()
  email?: string;
}

export class UsersPage {
  @ApiProperty({ type: [Profile] })
  data!: Profile[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}
