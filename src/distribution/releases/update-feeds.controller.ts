import { Controller, Get, Header, Param, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length, Matches } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { textOf } from '../../common/http/api-schemas.js';
import { Clock } from '../../common/clock.js';
import { Public } from '../../common/http/route-markers.js';
import { AppVersionNotFoundError } from '../distribution.errors.js';
import {
  CHANNELS,
  type Channel,
  PLATFORMS,
  type Platform,
  VERSION_LENGTH_MAX,
  VERSION_PATTERN,
} from '../domain/app-version.js';
import { toAppcast, toElectronFeed, toTauriFeed } from '../domain/update-feeds.js';
import { LimitedIntake } from '../intake/intake-gate.js';
import { INSTALLATION_LENGTH_MAX } from './release.dto.js';
import { ReleaseService } from './release.service.js';

const CACHE_BUSTER_LENGTH_MAX = 64;

class FeedTarget {
  @ApiProperty({ enum: CHANNELS })
  @IsIn(CHANNELS)
  channel!: Channel;

  @ApiProperty({ enum: PLATFORMS })
  @IsIn(PLATFORMS)
  platform!: Platform;
}

class ElectronFeed extends FeedTarget {
  @ApiProperty({ example: 'latest-mac.yml' })
  @IsString()
  @Matches(/^(?:latest|beta|alpha)(?:-mac|-linux|-linux-arm64)?\.yml$/, {
    message: 'must be latest.yml, latest-mac.yml or latest-linux.yml',
  })
  file!: string;
}

class ElectronQuery {
  @ApiPropertyOptional({ description: 'Sent by electron-updater; has no meaning' })
  @IsOptional()
  @IsString()
  @Length(0, CACHE_BUSTER_LENGTH_MAX)
  noCache?: string;
}

class TauriFeed extends FeedTarget {
  @ApiProperty({ description: '{{current_version}}' })
  @IsString()
  @Length(1, VERSION_LENGTH_MAX)
  @Matches(VERSION_PATTERN, { message: 'must be a version such as 1.4.0' })
  version!: string;
}

class FeedQuery {
  @ApiPropertyOptional({
    maxLength: INSTALLATION_LENGTH_MAX,
    description: 'Of a roll-out; see GET /v1/app/versions/latest',
  })
  @IsOptional()
  @IsString()
  @Length(1, INSTALLATION_LENGTH_MAX)
  installation?: string;
}

class TauriFeedView {
  @ApiProperty() version!: string;
  @ApiProperty() url!: string;
  @ApiProperty() signature!: string;
  @ApiPropertyOptional() notes?: string;
  @ApiPropertyOptional({ format: 'date-time' }) pub_date?: string;
}

/** The newest release in the words of updaters that an app may already have. */
@ApiTags('app')
@Public()
@Controller('v1/app/updates')
export class UpdateFeedsController {
  constructor(
    private readonly releases: ReleaseService,
    private readonly clock: Clock,
  ) {}

  @Get('electron/:channel/:platform/:file')
  @Header('content-type', 'text/yaml; charset=utf-8')
  @LimitedIntake('updates')
  @ApiOperation({
    summary: 'latest.yml of electron-updater',
    description:
      'Its generic provider gets the address up to the platform. It rolls out by itself, so every installation is told the same.',
  })
  @ApiParam({ name: 'file', example: 'latest-mac.yml' })
  @ApiResponse({ status: 200, description: 'With sha2 as the checksum', content: textOf('text/yaml') })
  @ApiResponse({ status: 400, description: 'An unknown platform, channel or file' })
  @ApiResponse({ status: 404, description: 'app_version_not_found: nothing is published there' })
  @ApiResponse({ status: 429, description: 'too_many_requests: Retry-After says when' })
  async electron(@Param() { channel, platform }: ElectronFeed, @Query() _query: ElectronQuery): Promise<string> {
    const release = await this.releases.newest({ platform, channel }, this.clock.now());
    if (!release) throw new AppVersionNotFoundError();
    return toElectronFeed(release);
  }

  @Get('tauri/:channel/:platform/:version')
  @LimitedIntake('updates')
  @ApiOperation({ summary: 'The answer of a dynamic update server of Tauri' })
  @ApiResponse({ status: 200, type: TauriFeedView })
  @ApiResponse({ status: 204, description: 'There is no update' })
  @ApiResponse({ status: 400, description: 'An unknown platform or channel, or no version' })
  @ApiResponse({ status: 429, description: 'too_many_requests: Retry-After says when' })
  async tauri(
    @Param() { channel, platform, version }: TauriFeed,
    @Query() { installation }: FeedQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const asked = { id: installation, version };
    const { release, isUpdate } = await this.releases.latest({ platform, channel }, asked, this.clock.now());
    if (release && isUpdate) return toTauriFeed(release);
    void reply.status(204);
    return undefined;
  }

  @Get('sparkle/:channel/:platform/appcast.xml')
  @Header('content-type', 'application/rss+xml; charset=utf-8')
  @LimitedIntake('updates')
  @ApiOperation({ summary: 'An appcast of Sparkle 2' })
  @ApiResponse({
    status: 200,
    description: 'With one item, or none where nothing is published',
    content: textOf('application/rss+xml'),
  })
  @ApiResponse({ status: 400, description: 'An unknown platform or channel' })
  @ApiResponse({ status: 429, description: 'too_many_requests: Retry-After says when' })
  async sparkle(@Param() { channel, platform }: FeedTarget, @Query() { installation }: FeedQuery): Promise<string> {
    const { release } = await this.releases.latest({ platform, channel }, { id: installation }, this.clock.now());
    return toAppcast(release);
  }
}
