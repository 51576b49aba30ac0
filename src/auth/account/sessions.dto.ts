import { ApiProperty } from '@nestjs/swagger';
import type { SignedInDevice } from '../oauth/device.service.js';

/** A device on which somebody is signed in. */
export class Session {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'textassistant-desktop' })
  clientId!: string;

  @ApiProperty({ example: 'Text Assistant Desktop' })
  clientName!: string;

  @ApiProperty({ type: String, nullable: true, description: 'As the app said it, or as the browser lets guess' })
  deviceName!: string | null;

  @ApiProperty({ type: String, nullable: true })
  platform!: string | null;

  @ApiProperty({ type: String, nullable: true })
  appVersion!: string | null;

  @ApiProperty({ type: [String] })
  scopes!: string[];

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'The last sign-in or refresh' })
  lastUsedAt!: string | null;

  @ApiProperty({ type: String, nullable: true })
  lastIp!: string | null;

  @ApiProperty({ format: 'date-time', description: 'The device must sign in again by then, however often it is used' })
  signInAgainBy!: string;

  @ApiProperty({ description: 'Whether this very request came from it' })
  isCurrent!: boolean;
}

export class Sessions {
  @ApiProperty({ type: [Session], description: 'The one used last first' })
  data!: Session[];
}

export class EndedSessions {
  @ApiProperty({ example: 2, description: 'Devices that were signed out' })
  ended!: number;
}

/** @param currentId The sign-in that asks. */
export function toSession({ grant, clientName }: SignedInDevice, currentId: string): Session {
  return {
    id: grant.id,
    clientId: grant.clientId,
    clientName,
    deviceName: grant.deviceName ?? null,
    platform: grant.platform ?? null,
    appVersion: grant.appVersion ?? null,
    scopes: grant.scopes,
    createdAt: grant.createdAt.toISOString(),
    lastUsedAt: grant.lastUsedAt?.toISOString() ?? null,
    lastIp: grant.lastIp ?? null,
    signInAgainBy: grant.expiresAt.toISOString(),
    isCurrent: grant.id === currentId,
  };
}
