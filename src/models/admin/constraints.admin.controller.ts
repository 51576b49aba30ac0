import { Body, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { Roles } from '../../common/http/route-markers.js';
import { CONSTRAINED_PARAMETERS } from '../domain/constrained-parameters.js';
import { formatParametersApplied } from '../domain/parameters-applied.js';
import type { StoredModel } from '../model.repository.js';
import { modelEtag, ModelsService } from '../models.service.js';
import { ConstraintAdminService } from './constraint-admin.service.js';
import { ConstraintDto, ConstraintRequest, ConstraintsDto, TrialDto, TrialRequest } from './constraints.admin.dto.js';
import { ApiAdminErrors, ApiEdit, ModelChangeRequest } from './admin-route.js';
import { META_EXAMPLE, TRIAL_EXAMPLE } from './model-examples.js';

@AdminController('admin/models/:id/parameter-constraints', 'admin')
export class ConstraintsAdminController {
  constructor(
    private readonly models: ModelsService,
    private readonly constraints: ConstraintAdminService,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Every constraint of a model, and its rules between parameters' })
  @ApiResponse({ status: 200, type: ConstraintsDto, description: 'With the model’s ETag' })
  @ApiAdminErrors({ 404: 'model_not_found' })
  async list(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<ConstraintsDto> {
    const stored = await this.models.read(id);
    tag(reply, stored);
    const { parameterConstraints = {}, parameterRules = [] } = stored.model.meta;
    return { parameterConstraints, parameterRules, known: CONSTRAINED_PARAMETERS };
  }

  @Get(':parameter')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The constraint of one parameter' })
  @ApiResponse({ status: 200, type: ConstraintDto, description: 'With the model’s ETag' })
  @ApiAdminErrors({ 400: 'invalid_request: a name that cannot be constrained', 404: 'model_not_found, not_found' })
  async read(
    @Param('id') id: string,
    @Param('parameter') parameter: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConstraintDto> {
    const { stored, constraint } = await this.constraints.read(id, parameter);
    tag(reply, stored);
    return { parameter, constraint };
  }

  @Put(':parameter')
  @ApiParam({ name: 'id' })
  @ApiParam({ name: 'parameter' })
  @ApiOperation({ summary: 'Sets the constraint of one parameter' })
  @ApiResponse({ status: 200, type: ConstraintDto })
  @ApiEdit()
  async set(
    @Param() { id, parameter }: { id: string; parameter: string },
    @Body() { reason, constraint }: ConstraintRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConstraintDto> {
    const stored = await this.constraints.set({ id, reason, ...operator }, parameter, constraint);
    tag(reply, stored);
    return { parameter, constraint: stored.model.meta.parameterConstraints![parameter]! };
  }

  @Delete(':parameter')
  @ApiParam({ name: 'id' })
  @ApiParam({ name: 'parameter' })
  @HttpCode(204)
  @ApiOperation({ summary: 'Removes the constraint of one parameter; what the wire format says of it holds then' })
  @ApiResponse({ status: 204, description: 'With the model’s new ETag' })
  @ApiEdit({ 404: 'model_not_found, not_found' })
  async remove(
    @Param() { id, parameter }: { id: string; parameter: string },
    @Query() { reason }: ModelChangeRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    tag(reply, await this.constraints.remove({ id, reason, ...operator }, parameter));
  }

  @Post('test')
  @HttpCode(200)
  @Roles('admin', 'support')
  @ApiOperation({
    summary: 'Tries parameters against a model and explains each decision',
    description: `Nobody is called. With the constraints \`${JSON.stringify(META_EXAMPLE.parameterConstraints)}\` the parameters \`${JSON.stringify(TRIAL_EXAMPLE)}\` are refused twice: temperature is not among the allowed values, and max_tokens is above 4096. n passes, since it is what holds anyway.`,
  })
  @ApiResponse({ status: 200, type: TrialDto })
  @ApiAdminErrors({ 400: 'invalid_request: every fault of a draft, with its path', 404: 'model_not_found' })
  async try(@Param('id') id: string, @Body() body: TrialRequest): Promise<TrialDto> {
    const { resolved, decisions } = await this.constraints.try(id, body);
    return {
      wouldPass: resolved.violations.length === 0,
      decisions,
      sent: resolved.parameters,
      applied: formatParametersApplied(resolved.applied),
      outputLimit: resolved.outputLimit,
    };
  }
}

function tag(reply: FastifyReply, stored: StoredModel): void {
  void reply.header('etag', modelEtag(stored));
}
