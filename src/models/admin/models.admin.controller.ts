import { Body, Get, Param, Patch, Post, Put, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { Roles } from '../../common/http/route-markers.js';
import { flagsOf } from '../domain/lifecycle.js';
import { mergePatch } from '../domain/merge-patch.js';
import type { StoredModel } from '../model.repository.js';
import { modelEtag, ModelsService } from '../models.service.js';
import { ApiAdminErrors, ApiEdit } from './admin-route.js';
import { toAdminModelPage, toAdminModelView, toTierRule } from './models.admin.view.js';
import {
  AdminModelDto,
  AdminModelPageDto,
  AdminModelQueryDto,
  CreateModelRequest,
  MetaDto,
  MetaRequest,
  TierRuleDto,
  TierRuleRequest,
  UpdateModelRequest,
} from './models.admin.dto.js';

@AdminController('admin/models', 'admin')
export class ModelsAdminController {
  constructor(private readonly models: ModelsService) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The catalogue as operators see it, archived models included' })
  @ApiResponse({ status: 200, type: AdminModelPageDto })
  @ApiAdminErrors({ 400: 'invalid_request: a filter that does not exist, or a cursor of no page' })
  async list(@Query() query: AdminModelQueryDto): Promise<AdminModelPageDto> {
    return toAdminModelPage(await this.models.listPage(query, query));
  }

  @Post()
  @ApiOperation({ summary: 'Adds a model; its first version holds the reason' })
  @ApiResponse({ status: 201, type: AdminModelDto, description: 'With its ETag' })
  @ApiAdminErrors({ 400: 'invalid_request: every fault of the model, with its path', 409: 'model_exists' })
  async create(
    @Body() { reason, lifecycle = 'available', ...draft }: CreateModelRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminModelDto> {
    const created = await this.models.create({ ...draft, ...flagsOf(lifecycle) }, { ...operator, reason });
    void reply.header('location', `/admin/models/${encodeURIComponent(draft.id)}`);
    return tagged(reply, created, toAdminModelView(created));
  }

  @Get(':id')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'One model, by its id' })
  @ApiResponse({ status: 200, type: AdminModelDto, description: 'With its ETag' })
  @ApiAdminErrors({ 404: 'model_not_found' })
  async read(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<AdminModelDto> {
    const stored = await this.models.read(id);
    return tagged(reply, stored, toAdminModelView(stored));
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Changes what the provider is sent, or which provider is asked' })
  @ApiResponse({ status: 200, type: AdminModelDto })
  @ApiEdit()
  async update(
    @Param('id') id: string,
    @Body() { reason, name, provider }: UpdateModelRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminModelDto> {
    const columns = { ...(name !== undefined && { name }), ...(provider !== undefined && { provider }) };
    const stored = await this.models.edit({ id, reason, ...operator }, () => columns);
    return tagged(reply, stored, toAdminModelView(stored));
  }

  @Get(':id/meta')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'All of a model that varies' })
  @ApiResponse({ status: 200, type: MetaDto, description: 'With the model’s ETag' })
  @ApiAdminErrors({ 404: 'model_not_found' })
  async readMeta(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<MetaDto> {
    return toMeta(reply, await this.models.read(id));
  }

  @Put(':id/meta')
  @ApiOperation({ summary: 'Replaces the meta whole' })
  @ApiResponse({ status: 200, type: MetaDto })
  @ApiEdit()
  async replaceMeta(
    @Param('id') id: string,
    @Body() { reason, meta }: MetaRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MetaDto> {
    return toMeta(reply, await this.models.edit({ id, reason, ...operator }, () => ({ meta })));
  }

  @Patch(':id/meta')
  @ApiOperation({ summary: 'Changes parts of the meta: a merge patch (RFC 7396), in which null removes' })
  @ApiResponse({ status: 200, type: MetaDto })
  @ApiEdit()
  async patchMeta(
    @Param('id') id: string,
    @Body() { reason, meta }: MetaRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MetaDto> {
    const patch = ({ model }: StoredModel) => ({ meta: mergePatch(model.meta, meta) });
    return toMeta(reply, await this.models.edit({ id, reason, ...operator }, patch));
  }

  @Get(':id/tier')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Which tiers may use a model' })
  @ApiResponse({ status: 200, type: TierRuleDto, description: 'With the model’s ETag' })
  @ApiAdminErrors({ 404: 'model_not_found' })
  async readTier(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<TierRuleDto> {
    const stored = await this.models.read(id);
    return tagged(reply, stored, toTierRule(stored.model.meta));
  }

  @Put(':id/tier')
  @ApiOperation({ summary: 'Sets which tiers may use a model: at least one tier, exactly one, or those listed' })
  @ApiResponse({ status: 200, type: TierRuleDto })
  @ApiEdit()
  async setTier(
    @Param('id') id: string,
    @Body() { reason, requiredTier, tierRestrictionMode, allowedTiers }: TierRuleRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TierRuleDto> {
    const rule = {
      requiredTier: requiredTier ?? null,
      tierRestrictionMode: tierRestrictionMode ?? null,
      allowedTiers: allowedTiers ?? null,
    };
    const edit = ({ model }: StoredModel) => ({ meta: mergePatch(model.meta, rule) });
    const stored = await this.models.edit({ id, reason, ...operator }, edit);
    return tagged(reply, stored, toTierRule(stored.model.meta));
  }
}

function toMeta(reply: FastifyReply, stored: StoredModel): MetaDto {
  return tagged(reply, stored, { meta: stored.model.meta, version: stored.versionNo });
}

/** The answer, with the validator that the next change sends back. */
function tagged<View>(reply: FastifyReply, stored: StoredModel, view: View): View {
  void reply.header('etag', modelEtag(stored));
  return view;
}
