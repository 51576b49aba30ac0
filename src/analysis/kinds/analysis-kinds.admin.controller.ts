import { Body, Get, Param, Put, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../common/clock.js';
import { NotFoundError } from '../../common/errors/common.errors.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { Roles } from '../../common/http/route-markers.js';
import { etagOfKind, KindRequest, KindsView, KindView, toKindView } from './analysis-kind.dto.js';
import { AnalysisKinds } from './analysis-kinds.service.js';
import { KindNamePipe } from './kind-name.pipe.js';

@AdminController('admin/analysis-kinds', 'admin')
export class AnalysisKindsAdminController {
  constructor(
    private readonly kinds: AnalysisKinds,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Every kind of analysis in its latest version' })
  @ApiResponse({ status: 200, type: KindsView })
  async list(): Promise<KindsView> {
    return { data: (await this.kinds.list()).map(toKindView) };
  }

  @Get(':kind')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'All versions of a kind, newest first; the ETag is that of the latest' })
  @ApiResponse({ status: 200, type: KindsView })
  @ApiResponse({ status: 404, description: 'not_found' })
  async history(
    @Param('kind', KindNamePipe) kind: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KindsView> {
    const versions = await this.kinds.history(kind);
    if (!versions[0]) throw new NotFoundError(`There is no kind of analysis called ${kind}.`);
    void reply.header('etag', etagOfKind(versions[0]));
    return { data: versions.map(toKindView) };
  }

  @Put(':kind')
  @ApiOperation({
    summary: 'Adds a version of a kind, or a new kind; what waits is made by the version it was asked for',
  })
  @ApiHeader({ name: 'If-Match', required: false, description: 'The ETag of the kind; needed where it is there' })
  @ApiResponse({ status: 200, type: KindView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule, or the schema does not compile' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async save(
    @Param('kind', KindNamePipe) kind: string,
    @Body() body: KindRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<KindView> {
    const made = await this.kinds.save(kind, body, { ...operator, reason: body.reason }, this.clock.now());
    void reply.header('etag', etagOfKind(made));
    return toKindView(made);
  }
}
