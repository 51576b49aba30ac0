import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Length, Matches, Max, Min } from 'class-validator';
import { IfSent } from '../../common/http/if-sent.js';
import { IsTime } from '../../common/http/is-time.js';
import { BooleanText } from '../../common/http/boolean-text.js';
import { etagOf } from '../../common/http/etag.js';
import { PageQuery } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import type { UpdateOffer } from '../domain/update-offer.js';
import {
  CHANNELS,
  type Channel,
  PLATFORMS,
  type Platform,
  VERSION_LENGTH_MAX,
  VERSION_PATTERN,
} from '../domain/app-version.js';
import type { CountedRelease, Release } from './release.js';

/** Room for any identifier that an app makes up. */
export const INSTALLATION_LENGTH_MAX = 128;
const NOTES_LENGTH_MAX = 10_000;
const URL_LENGTH_MAX = 2_048;
/** A minisign signature, the longest in use, has 420 characters in base64. */
const SIGNATURE_LENGTH_MIN = 80;
const SIGNATURE_LENGTH_MAX = 2_048;
/** A terabyte: no desktop app, and exact in JSON. */
const SIZE_BYTES_MAX = 1e12;

const VERSION = { message: 'must be a version such as 1.4.0 or 1.5.0-beta.2, without build metadata' } as const;
const SHA256 = { message: 'must be the SHA-256 of the file as 64 hexadecimal digits' } as const;
const BASE64 = { message: 'must be the signature of the file in base64' } as const;
const HTTPS = { message: 'must be an https address without user and password' } as const;

export class TargetQuery {
  @ApiProperty({ enum: PLATFORMS })
  @IsIn(PLATFORMS)
  platform!: Platform;

  @ApiPropertyOptional({ enum: CHANNELS, default: 'stable' })
  @IsOptional()
  @IsIn(CHANNELS)
  channel: Channel = 'stable';
}

export class LatestQuery extends TargetQuery {
  @ApiPropertyOptional({ description: 'What runs there now', example: '1.3.0' })
  @IsOptional()
  @IsString()
  @Length(1, VERSION_LENGTH_MAX)
  @Matches(VERSION_PATTERN, VERSION)
  version?: string;

  @ApiPropertyOptional({
    maxLength: INSTALLATION_LENGTH_MAX,
    description: 'An identifier that the app made up once and kept; without it only releases for everyone are offered',
  })
  @IsOptional()
  @IsString()
  @Length(1, INSTALLATION_LENGTH_MAX)
  installation?: string;
}

export class ReleasesQuery extends PageQuery {
  @ApiPropertyOptional({ enum: PLATFORMS })
  @IsOptional()
  @IsIn(PLATFORMS)
  platform?: Platform;

  @ApiPropertyOptional({ enum: CHANNELS })
  @IsOptional()
  @IsIn(CHANNELS)
  channel?: Channel;
}

export class AppVersionsQuery extends ReleasesQuery {
  @ApiPropertyOptional({ description: 'Whether it is out now' })
  @IsOptional()
  @BooleanText()
  @IsBoolean({ message: 'must be true or false' })
  isPublished?: boolean;
}

export class UpdateAppVersionRequest extends ReasonRequest {
  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'Older installations are told to insist on the update',
  })
  @IsOptional()
  @IsString()
  @Length(1, VERSION_LENGTH_MAX)
  @Matches(VERSION_PATTERN, VERSION)
  minSupportedVersion?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: NOTES_LENGTH_MAX })
  @IsOptional()
  @IsString()
  @Length(1, NOTES_LENGTH_MAX)
  notes?: string | null;

  @ApiPropertyOptional({ minimum: 0, maximum: 100, description: 'How many of a hundred installations are offered it' })
  @IfSent()
  @Max(100)
  @Min(0)
  @IsInt()
  rolloutPercent?: number;

  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'From when it is offered; null takes it back',
  })
  @IsOptional()
  @IsTime()
  publishedAt?: string | null;
}

export class CreateAppVersionRequest extends UpdateAppVersionRequest {
  @ApiProperty({ example: '1.4.0', description: 'Newer than every one on this platform and channel' })
  @IsString()
  @Length(1, VERSION_LENGTH_MAX)
  @Matches(VERSION_PATTERN, VERSION)
  version!: string;

  @ApiProperty({ enum: PLATFORMS })
  @IsIn(PLATFORMS)
  platform!: Platform;

  @ApiProperty({ enum: CHANNELS })
  @IsIn(CHANNELS)
  channel!: Channel;

  @ApiProperty({ example: 'https://downloads.example.com/text-assistant-1.4.0.dmg' })
  @IsString()
  @Length(1, URL_LENGTH_MAX)
  @Matches(/^https:\/\/[^\s/@\\?#]+(?:[/?#][^\s\\]*)?$/, HTTPS)
  url!: string;

  @ApiProperty({ description: 'Of the file, as hexadecimal digits' })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.toLowerCase() : value))
  @IsString()
  @Matches(/^[0-9a-f]{64}$/, SHA256)
  sha256!: string;

  @ApiProperty({ description: 'Of the file, in base64, as the updater checks it' })
  @IsString()
  @Length(SIGNATURE_LENGTH_MIN, SIGNATURE_LENGTH_MAX)
  @Matches(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, BASE64)
  signature!: string;

  @ApiPropertyOptional({ minimum: 1, description: 'Of the file; some updaters show progress by it' })
  @IsOptional()
  @Type(() => Number)
  @Max(SIZE_BYTES_MAX)
  @Min(1)
  @IsInt()
  sizeBytes?: number;
}

export class ReleaseView {
  @ApiProperty() version!: string;
  @ApiProperty({ enum: PLATFORMS }) platform!: string;
  @ApiProperty({ enum: CHANNELS }) channel!: string;
  @ApiProperty() url!: string;
  @ApiProperty() sha256!: string;
  @ApiProperty() signature!: string;
  @ApiProperty({ type: Number, nullable: true }) sizeBytes!: number | null;
  @ApiProperty({ type: String, nullable: true }) minSupportedVersion!: string | null;
  @ApiProperty({ type: String, nullable: true }) notes!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) publishedAt!: string | null;
}

export class LatestView {
  @ApiProperty({ description: 'Whether the release is newer than what runs there' }) isUpdate!: boolean;
  @ApiProperty({ description: 'False where what runs there is too old: insist on the update' }) isSupported!: boolean;
  @ApiProperty({ type: ReleaseView, nullable: true }) release!: ReleaseView | null;
}

export class ReleasesPage {
  @ApiProperty({ type: [ReleaseView] }) data!: ReleaseView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class AppVersionView extends ReleaseView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() rolloutPercent!: number;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
}

export class CountedAppVersionView extends AppVersionView {
  @ApiProperty({ description: 'As the apps report them' }) downloadCount!: number;
}

export class AppVersionsPage {
  @ApiProperty({ type: [CountedAppVersionView] }) data!: CountedAppVersionView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export function toReleaseView(release: Release): ReleaseView {
  const { version, platform, channel, url, sha256, signature, sizeBytes, minSupportedVersion, notes } = release;
  return {
    version,
    platform,
    channel,
    url,
    sha256,
    signature,
    sizeBytes,
    minSupportedVersion,
    notes,
    publishedAt: release.publishedAt?.toISOString() ?? null,
  };
}

export function toLatestView({ release, isUpdate, isSupported }: UpdateOffer<Release>): LatestView {
  return { isUpdate, isSupported, release: release && toReleaseView(release) };
}

export function toAppVersionView(release: Release): AppVersionView {
  const { id, rolloutPercent, createdAt, updatedAt } = release;
  return Object.assign(toReleaseView(release), {
    id,
    rolloutPercent,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  });
}

export function toCountedView({ release, downloadCount }: CountedRelease): CountedAppVersionView {
  return Object.assign(toAppVersionView(release), { downloadCount });
}

/** Changes with every change of an operator, not with what is downloaded. */
export function etagOfRelease(release: Release): string {
  return etagOf(toAppVersionView(release));
}
