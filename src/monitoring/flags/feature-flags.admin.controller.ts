import { Body, Delete, Get, HttpCode, Param, Patch, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { Roles } from '../../common/http/route-markers.js';
import { isOnFor } from '../domain/feature-flag.js';
import { FeatureFlagNotFoundError } from '../monitoring.errors.js';
import { FeatureFlagAdmin, type KnownFlag } from './feature-flag-admin.service.js';
import {
  etagOfFlag,
  FlagDecision,
  FlagList,
  FlagSubjectQuery,
  FlagView,
  toFlagView,
  UpdateFlagRequest,
} from './feature-flags.dto.js';
import { FeatureFlags } from './feature-flags.service.js';

const Reply = (): ParameterDecorator => Res({ passthrough: true });

@AdminController('admin/feature-flags', 'admin')
export class FeatureFlagsAdminController {
  constructor(
    private readonly admin: FeatureFlagAdmin,
    private readonly flags: FeatureFlags,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The switches of what is new, and for whom each is on' })
  @ApiResponse({ status: 200, type: FlagList })
  async list(): Promise<FlagList> {
    return { data: (await this.admin.list()).map(toFlagView) };
  }

  @Get(':key')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'One flag, with the ETag that a change needs' })
  @ApiResponse({ status: 200, type: FlagView })
  @ApiResponse({ status: 404, description: 'feature_flag_not_found' })
  async read(@Param('key') key: string, @Reply() reply: FastifyReply): Promise<FlagView> {
    return answer(await this.admin.read(key), reply);
  }

  @Get(':key/decision')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Whether a flag is on for somebody on the replica that answers, and what decided it' })
  @ApiResponse({ status: 200, type: FlagDecision })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 404, description: 'feature_flag_not_found: no code asks for it' })
  decide(@Param('key') key: string, @Query() { userId = '', tier }: FlagSubjectQuery): FlagDecision {
    const definition = this.flags.find(key);
    if (!definition) throw new FeatureFlagNotFoundError(key);
    const reason = this.flags.reasonFor(definition, { userId: userId || null, tier: tier ?? null });
    return { isOn: isOnFor(reason), reason };
  }

  @Patch(':key')
  @ApiOperation({
    summary: 'Says for whom a flag is on: every replica knows within a moment',
    description:
      'On for the named users, for all of the named tiers, and for a percentage of the others, always the same ones.',
  })
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the flag as it was read' })
  @ApiResponse({ status: 200, type: FlagView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'feature_flag_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async update(
    @Param('key') key: string,
    @Body() body: UpdateFlagRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<FlagView> {
    return answer(await this.admin.update(key, body, { ...by, reason: body.reason }), reply);
  }

  @Delete(':key')
  @HttpCode(204)
  @ApiOperation({ summary: 'Forgets what was said of a flag: the default of the code holds; one without code is gone' })
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the flag as it was read' })
  @ApiResponse({ status: 204, description: 'It is forgotten' })
  @ApiResponse({ status: 400, description: 'The reason is missing or too long' })
  @ApiResponse({ status: 404, description: 'feature_flag_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async reset(
    @Param('key') key: string,
    @Query() { reason }: ReasonRequest,
    @CurrentOperator() by: Operator,
  ): Promise<void> {
    await this.admin.reset(key, { ...by, reason });
  }
}

function answer(flag: KnownFlag, reply: FastifyReply): FlagView {
  void reply.header('etag', etagOfFlag(flag));
  return toFlagView(flag);
}
