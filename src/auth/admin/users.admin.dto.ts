import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { BooleanText } from '../../common/http/boolean-text.js';
import { IfSent } from '../../common/http/if-sent.js';
import { PageQuery } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { DISPLAY_NAME_LENGTH_MAX, NO_CONTROL_CHARACTERS, Profile, toProfile } from '../account/me.dto.js';
import { EMAIL_LENGTH_MAX, IsEmailAddress } from '../identity/email-address.js';
import { USER_ROLES, type User } from '../identity/user.entity.js';
import { type Language, LANGUAGE_NAMES } from '../texts/languages.js';

export class UsersQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Part of an address, upper and lower case alike' })
  @IsOptional()
  @MaxLength(EMAIL_LENGTH_MAX)
  @IsString()
  email?: string;

  @ApiPropertyOptional({ default: false, description: 'Those who were deleted instead of the others' })
  @IsOptional()
  @BooleanText()
  @IsBoolean()
  deleted: boolean = false;
}

/** A user as operators see it. */
export class AdminUserView extends Profile {
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  deletedAt!: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'From then on nothing brings it back',
  })
  erasedAt!: string | null;
}

export function toAdminUserView(user: User): AdminUserView {
  return Object.assign(toProfile(user), {
    deletedAt: user.deletedAt?.toISOString() ?? null,
    erasedAt: user.erasedAt?.toISOString() ?? null,
  });
}

export class UsersPage {
  @ApiProperty({ type: [AdminUserView] })
  data!: AdminUserView[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}

export class RoleRequest extends ReasonRequest {
  @ApiProperty({ enum: USER_ROLES })
  @IsIn(USER_ROLES)
  role!: User['role'];
}

export class InvitationRequest extends ReasonRequest {
  @ApiProperty({ example: 'new.colleague@example.com', maxLength: EMAIL_LENGTH_MAX })
  @MaxLength(EMAIL_LENGTH_MAX)
  @IsEmailAddress()
  email!: string;

  @ApiPropertyOptional({ enum: USER_ROLES, default: 'user' })
  @IfSent()
  @IsIn(USER_ROLES)
  role: User['role'] = 'user';

  @ApiPropertyOptional({
    enum: LANGUAGE_NAMES,
    default: 'en',
    description: 'Of the mail; later of what the person signs in with',
  })
  @IfSent()
  @IsIn(LANGUAGE_NAMES)
  language: Language = 'en';

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: DISPLAY_NAME_LENGTH_MAX })
  @IsOptional()
  @Matches(NO_CONTROL_CHARACTERS)
  @MaxLength(DISPLAY_NAME_LENGTH_MAX)
  @IsString()
  displayName?: string | null;
}
