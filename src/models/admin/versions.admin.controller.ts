import { Body, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../../common/http/admin-controller.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { PageQuery } from '../../common/http/paging.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { Roles } from '../../common/http/route-markers.js';
import { diffDocuments } from '../domain/document-diff.js';
import type { ModelTierAuditLog } from '../model-tier-audit-log.entity.js';
import type { ModelVersion } from '../model-version.entity.js';
import { modelEtag } from '../models.service.js';
import { ApiAdminErrors, ApiEdit, ModelChangeRequest } from './admin-route.js';
import { ModelHistoryService } from './model-history.service.js';
import { AdminModelDto } from './models.admin.dto.js';
import { toAdminModelView } from './models.admin.view.js';
import {
  AuditQuery,
  DiffDto,
  DiffQuery,
  TierAuditDto,
  TierAuditPageDto,
  VersionDto,
  VersionPageDto,
  VersionWithMetaDto,
} from './versions.admin.dto.js';

@AdminController('admin/models/:id/versions', 'admin', 'support')
export class VersionsAdminController {
  constructor(private readonly history: ModelHistoryService) {}

  @Get()
  @ApiOperation({ summary: 'The versions of a model’s meta, newest first' })
  @ApiResponse({ status: 200, type: VersionPageDto })
  @ApiAdminErrors({ 400: 'invalid_request', 404: 'model_not_found' })
  async list(@Param('id') id: string, @Query() page: PageQuery): Promise<VersionPageDto> {
    const { versions, nextCursor } = await this.history.versions(id, page);
    return { data: versions.map(toVersion), nextCursor };
  }

  @Get(':version')
  @ApiOperation({ summary: 'One version with its meta' })
  @ApiResponse({ status: 200, type: VersionWithMetaDto })
  @ApiAdminErrors({ 400: 'invalid_request', 404: 'model_not_found, model_version_not_found' })
  async read(@Param('id') id: string, @Param('version') version: string): Promise<VersionWithMetaDto> {
    const found = await this.history.version(id, toNumber(version));
    return Object.assign(toVersion(found), { meta: found.meta });
  }

  @Get(':version/diff')
  @ApiOperation({ summary: 'What a version changed, against the one before or any other' })
  @ApiResponse({ status: 200, type: DiffDto })
  @ApiAdminErrors({ 400: 'invalid_request', 404: 'model_not_found, model_version_not_found' })
  async diff(@Param('id') id: string, @Param('version') version: string, @Query() query: DiffQuery): Promise<DiffDto> {
    return this.history.diff(id, { to: toNumber(version), from: query.with });
  }

  @Post(':version/restore')
  @ApiParam({ name: 'id' })
  @ApiParam({ name: 'version' })
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Makes an earlier meta the present one, as a new version' })
  @ApiResponse({ status: 200, type: AdminModelDto })
  @ApiEdit({ 404: 'model_not_found, model_version_not_found' })
  async restore(
    @Param() { id, version }: { id: string; version: string },
    @Body() { reason }: ModelChangeRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminModelDto> {
    const stored = await this.history.restore({ id, reason, ...operator }, toNumber(version));
    void reply.header('etag', modelEtag(stored));
    return toAdminModelView(stored);
  }
}

@AdminController('admin/model-tier-audit-logs', 'admin', 'support')
export class ModelAuditController {
  constructor(private readonly history: ModelHistoryService) {}

  @Get()
  @ApiOperation({ summary: 'Who changed which name, tier rule or lifecycle of a model, newest first' })
  @ApiResponse({ status: 200, type: TierAuditPageDto })
  @ApiAdminErrors({ 400: 'invalid_request' })
  async list(@Query() query: AuditQuery): Promise<TierAuditPageDto> {
    const { audits, nextCursor } = await this.history.audits(query, query);
    return { data: audits.map(toAudit), nextCursor };
  }
}

/** @throws InvalidRequestError. Nine digits are more versions than any model has, and fit the column. */
function toNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw InvalidRequestError.of([{ field: 'version', message: 'must be a whole number of at least 1' }]);
}

function toVersion({ versionNo, changedBy, changeReason, createdAt }: ModelVersion): VersionDto {
  return {
    version: versionNo,
    changedBy: changedBy ?? null,
    reason: changeReason,
    createdAt: createdAt.toISOString(),
  };
}

function toAudit({ id, modelId, previous, next, reason, actorId, ip, createdAt }: ModelTierAuditLog): TierAuditDto {
  return {
    id,
    modelId,
    before: previous,
    after: next,
    changes: diffDocuments(previous, next),
    reason,
    actorId: actorId ?? null,
    ip: ip ?? null,
    createdAt: createdAt.toISOString(),
  };
}
