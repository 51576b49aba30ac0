import { ApiProperty } from '@nestjs/swagger';
import { USER_ROLES, USER_STATUSES, type User } from '../identity/user.entity.js';

/** A user as the user and the operators see it. */
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
