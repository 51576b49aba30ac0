import { Body, Controller, Get, Headers, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { IsString, Length, Matches } from 'class-validator';
import { Clock } from '../../common/clock.js';
import { encodeCursor } from '../../common/http/paging.js';
import { Public } from '../../common/http/route-markers.js';
import { VERSION_LENGTH_MAX, VERSION_PATTERN } from '../domain/app-version.js';
import { LimitedIntake } from '../intake/intake-gate.js';
import {
  LatestQuery,
  LatestView,
  ReleasesPage,
  ReleasesQuery,
  TargetQuery,
  toLatestView,
  toReleaseView,
} from './release.dto.js';
import { ReleaseService } from './release.service.js';

export class DownloadRequest extends TargetQuery {
  @ApiProperty({ example: '1.4.0', description: 'The release that was downloaded' })
  @IsString()
  @Length(1, VERSION_LENGTH_MAX)
  @Matches(VERSION_PATTERN, { message: 'must be a version such as 1.4.0' })
  version!: string;
}

/** What an app asks before anybody has signed in to it. */
@ApiTags('app')
@Public()
@Controller('v1/app')
export class ReleasesController {
  constructor(
    private readonly releases: ReleaseService,
    private readonly clock: Clock,
  ) {}

  @Get('versions/latest')
  @LimitedIntake('updates')
  @ApiOperation({
    summary: 'The newest release that this installation may have',
    description:
      'A release that is rolled out to some goes to the same installations every time, and to more of them as it goes on.',
  })
  @ApiResponse({ status: 200, type: LatestView })
  @ApiResponse({ status: 400, description: 'An unknown platform or channel, or no version' })
  @ApiResponse({ status: 429, description: 'too_many_requests: Retry-After says when' })
  async latest(@Query() { platform, channel, version, installation }: LatestQuery): Promise<LatestView> {
    const offer = await this.releases.latest({ platform, channel }, { id: installation, version }, this.clock.now());
    return toLatestView(offer);
  }

  @Get('versions')
  @LimitedIntake('updates')
  @ApiOperation({ summary: 'The published releases, newest first' })
  @ApiResponse({ status: 200, type: ReleasesPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 429, description: 'too_many_requests: Retry-After says when' })
  async page(@Query() query: ReleasesQuery): Promise<ReleasesPage> {
    const { rows, next } = await this.releases.page(query, this.clock.now());
    return { data: rows.map(toReleaseView), nextCursor: encodeCursor(next) };
  }

  @Post('downloads')
  @HttpCode(204)
  @LimitedIntake('downloads')
  @ApiOperation({ summary: 'Counts one download of a release' })
  @ApiResponse({ status: 204, description: 'Counted' })
  @ApiResponse({ status: 400, description: 'An unknown platform or channel, or no version' })
  @ApiResponse({ status: 404, description: 'app_version_not_found' })
  @ApiResponse({ status: 429, description: 'too_many_requests: Retry-After says when' })
  async download(
    @Body() { platform, channel, version }: DownloadRequest,
    @Headers('user-agent') userAgent: string | undefined,
  ): Promise<void> {
    await this.releases.countDownload({ platform, channel }, version, { userAgent, now: this.clock.now() });
  }
}
