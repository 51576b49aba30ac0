import { Body, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { Roles } from '../../common/http/route-markers.js';
import { fromLiteLlm } from '../domain/litellm-prices.js';
import { dayOf } from '../model-lifecycle.service.js';
import { ApiAdminErrors } from './admin-route.js';
import {
  DryRunQuery,
  IMPORT_MODELS_MAX,
  ImportRequest,
  ImportResultDto,
  LiteLlmRequest,
  LiteLlmResultDto,
  ModelDocumentDto,
} from './imports.admin.dto.js';
import { ModelImportService, type ImportEntry, type ImportPlan } from './model-import.service.js';

const IF_MATCH = {
  name: 'If-Match',
  required: false,
  description: 'The ETag of the preview; needed to write',
} as const;
const ERRORS = {
  400: 'invalid_request: every entry at fault, with its path',
  412: 'stale_etag: the catalogue changed since the preview',
  428: 'if_match_required',
};

@AdminController('admin', 'admin')
export class ImportsAdminController {
  constructor(
    private readonly imports: ModelImportService,
    private readonly clock: Clock,
  ) {}

  @Get('exports/models')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The whole catalogue as a document that can be imported' })
  @ApiResponse({ status: 200, type: ModelDocumentDto, description: 'With the ETag of the catalogue' })
  async export(@Res({ passthrough: true }) reply: FastifyReply): Promise<ModelDocumentDto> {
    const { etag, models } = await this.imports.export();
    void reply.headers({ etag, 'content-disposition': 'attachment; filename="models.json"' });
    return { models };
  }

  @Post('imports/models')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Shows what a document would change, or with dryRun=false writes it, all or nothing',
    description:
      'Models that the document leaves out stay as they are. The ETag of the preview makes sure that what is written is what was shown.',
  })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: ImportResultDto, description: 'With the ETag of the catalogue' })
  @ApiAdminErrors(ERRORS)
  async import(
    @Query() { dryRun }: DryRunQuery,
    @Body() { models, reason }: ImportRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImportResultDto> {
    return this.run(models, { ...operator, reason, isDryRun: dryRun === 'true' }, reply);
  }

  @Post('imports/litellm')
  @HttpCode(200)
  @ApiOperation({
    summary: 'The same from LiteLLM’s price map: limits and costs of models that are there, and new models',
    description:
      'What an operator has checked by hand, credits, tiers and constraints of models that are there stay as they are.',
  })
  @ApiHeader(IF_MATCH)
  @ApiResponse({ status: 200, type: LiteLlmResultDto, description: 'With the ETag of the catalogue' })
  @ApiAdminErrors(ERRORS)
  async importPrices(
    @Query() { dryRun }: DryRunQuery,
    @Body() { prices, ids, creditsPerUsd, reason }: LiteLlmRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LiteLlmResultDto> {
    const { models } = await this.imports.export();
    const today = dayOf(this.clock.now());
    const { entries, skipped } = fromLiteLlm(prices, { existing: models, ids, creditsPerUsd, today });
    if (entries.length > IMPORT_MODELS_MAX) {
      const message = `must name at most ${IMPORT_MODELS_MAX} models; choose some with ids`;
      throw InvalidRequestError.of([{ field: 'prices', message }]);
    }
    const cause = { ...operator, reason, isDryRun: dryRun === 'true' };
    return Object.assign(await this.run(entries, cause, reply), { skipped });
  }

  private async run(
    entries: readonly ImportEntry[],
    { isDryRun, ...cause }: Operator & { reason: string; isDryRun: boolean },
    reply: FastifyReply,
  ): Promise<ImportResultDto> {
    const plan = isDryRun ? await this.imports.preview(entries) : await this.imports.apply(entries, cause);
    void reply.header('etag', plan.etag);
    return { dryRun: isDryRun, summary: summarise(plan), changes: plan.changes };
  }
}

function summarise({ changes }: ImportPlan): ImportResultDto['summary'] {
  const summary = { create: 0, update: 0, unchanged: 0, refused: 0 };
  for (const { action } of changes) summary[action] += 1;
  return summary;
}
