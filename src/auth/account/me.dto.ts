import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { USER_ROLES, USER_STATUSES, type User } from '../identity/user.entity.js';

export const DISPLAY_NAME_LENGTH_MAX = 100;
/** A name goes into mails and onto pages, each on one line. */
export const NO_CONTROL_CHARACTERS = /^\P{Cc}*$/u;

/** What a person may change without anything but a token. */
export class ProfileChange {
  @ApiProperty({ type: String, nullable: true, maxLength: DISPLAY_NAME_LENGTH_MAX, description: 'null removes it' })
  @IsOptional()
  @Matches(NO_CONTROL_CHARACTERS, { message: 'displayName must not have line breaks or control characters' })
  @MaxLength(DISPLAY_NAME_LENGTH_MAX)
  @IsString()
  displayName?: string | null;
}

/** A user as that user sees it. */
export class Profile {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'demo@example.com' })
  email!: string;

  @ApiProperty()
  emailVerified!: boolean;

  @ApiProperty({ type: String, nullable: true })
  displayName!: string | null;

  @ApiProperty({ enum: USER_ROLES })
  role!: User['role'];

  @ApiProperty({ enum: USER_STATUSES })
  status!: User['status'];

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  lastLoginAt!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;
}

export function toProfile(user: User): Profile {
  return {
    id: user.id,
    email: user.email,
    emailVerified: user.emailVerifiedAt !== null,
    displayName: user.displayName ?? null,
    role: user.role,
    status: user.status,
    lastLoginAt: user.lastLoginAt?.toISOString() ?? null,
    createdAt: user.createdAt.toISOString(),
  };
}
