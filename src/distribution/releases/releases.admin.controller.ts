import { Body, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { encodeCursor } from '../../common/http/paging.js';
import { Roles } from '../../common/http/route-markers.js';
import {
  AppVersionsPage,
  AppVersionsQuery,
  CountedAppVersionView,
  CreateAppVersionRequest,
  etagOfRelease,
  toCountedView,
  UpdateAppVersionRequest,
} from './release.dto.js';
import type { CountedRelease } from './release.js';
import { ReleaseAdminService } from './release-admin.service.js';

@AdminController('admin/app-versions', 'admin')
export class ReleasesAdminController {
  constructor(
    private readonly releases: ReleaseAdminService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The releases of the app, drafts too, newest first' })
  @ApiResponse({ status: 200, type: AppVersionsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@Query() query: AppVersionsQuery): Promise<AppVersionsPage> {
    const { rows, next } = await this.releases.page(query, this.clock.now());
    return { data: rows.map(toCountedView), nextCursor: encodeCursor(next) };
  }

  @Post()
  @ApiOperation({ summary: 'Adds a release; without publishedAt it is a draft' })
  @ApiResponse({ status: 201, type: CountedAppVersionView })
  @ApiResponse({ status: 400, description: 'Every field that breaks a rule' })
  @ApiResponse({ status: 409, description: 'version_goes_backwards: the details name the newest' })
  async create(
    @Body() body: CreateAppVersionRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CountedAppVersionView> {
    const release = await this.releases.create(body, { ...operator, reason: body.reason }, this.clock.now());
    return answer({ release, downloadCount: 0 }, reply);
  }

  @Get(':id')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'One release; its ETag is what a change must name' })
  @ApiResponse({ status: 200, type: CountedAppVersionView })
  @ApiResponse({ status: 404, description: 'app_version_not_found' })
  async read(
    @Param('id', IdPipe) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CountedAppVersionView> {
    return answer(await this.releases.read(id), reply);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Publishes a release, rolls it out further, takes it back, or changes what it supports' })
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the release as it was read' })
  @ApiResponse({ status: 200, type: CountedAppVersionView })
  @ApiResponse({ status: 400, description: 'Every field that breaks a rule; what was signed cannot be changed' })
  @ApiResponse({ status: 404, description: 'app_version_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async update(
    @Param('id', IdPipe) id: string,
    @Body() body: UpdateAppVersionRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CountedAppVersionView> {
    const cause = { ...operator, reason: body.reason };
    return answer(await this.releases.update(id, body, cause, this.clock.now()), reply);
  }
}

function answer(counted: CountedRelease, reply: FastifyReply): CountedAppVersionView {
  void reply.header('etag', etagOfRelease(counted.release));
  return toCountedView(counted);
}
