import { Readable } from 'node:stream';
import { Get, HttpCode, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Clock } from '../../common/clock.js';
import { UnsupportedMediaTypeError } from '../../common/errors/common.errors.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { encodeCursor, PageQuery } from '../../common/http/paging.js';
import { Roles } from '../../common/http/route-markers.js';
import { readProviderFile, tooLarge } from './provider-file.js';
import {
  dayOf,
  driftAsked,
  DriftQuery,
  DriftReport,
  ProviderImportQuery,
  ProviderImportResult,
  ProviderImportsPage,
  toDriftReport,
  toImportResult,
  toImportView,
} from './provider-usage.dto.js';
import { ProviderUsageService } from './provider-usage.service.js';
import { UsageDriftService } from './usage-drift.service.js';

const EXAMPLE = 'day,model,requests,input_tokens,output_tokens,cost_usd\n2026-05-10,gpt-5,12,34000,5600,0.098\n';

@ApiResponse({ status: 400, description: 'invalid_request: a parameter, or a line of the file, breaks its rule' })
@AdminController('admin/imports/provider-usage', 'admin')
export class ProviderUsageAdminController {
  constructor(
    private readonly imports: ProviderUsageService,
    private readonly drift: UsageDriftService,
    private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Shows what a provider’s usage or cost file (CSV) holds, or with dryRun=false takes it, all or nothing',
    description:
      'A file is taken once. What it says of a day and model replaces what an earlier one said. The columns of each shape are in docs/usage.md.',
  })
  @ApiConsumes('text/csv')
  @ApiBody({ schema: { type: 'string', example: EXAMPLE }, description: 'At most 32 MiB, read as it arrives' })
  @ApiResponse({ status: 200, type: ProviderImportResult })
  @ApiResponse({ status: 413, description: 'body_too_large' })
  @ApiResponse({ status: 415, description: 'unsupported_media_type: send text/csv' })
  async import(
    @Query() { provider, shape, dryRun, reason }: ProviderImportQuery,
    @Req() request: FastifyRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<ProviderImportResult> {
    this.imports.assertProvider(provider);
    if (!(request.body instanceof Readable)) throw new UnsupportedMediaTypeError(undefined, 'text/csv');
    const now = this.clock.now();
    const { bodyLimit: bytesMax } = request.routeOptions;
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax);
    const file = await readProviderFile(request.body, { shape, today: dayOf(now), bytesMax });
    const facts = { provider, shape, file };
    const outcome = dryRun === 'true' ? null : await this.imports.import(facts, { ...operator, reason }, now);
    return toImportResult(file, this.imports.summarise(facts), outcome);
  }

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The files that were taken, newest first' })
  @ApiResponse({ status: 200, type: ProviderImportsPage })
  async page(@Query() query: PageQuery): Promise<ProviderImportsPage> {
    const { rows, next } = await this.imports.page(query);
    return { data: rows.map(toImportView), nextCursor: encodeCursor(next) };
  }

  @Get('drift')
  @Roles('admin', 'support')
  @ApiOperation({
    summary: 'The ledger beside what the provider says, by day and model',
    description: 'Days of UTC that no file tells of are left out.',
  })
  @ApiResponse({ status: 200, type: DriftReport })
  async compare(@Query() query: DriftQuery): Promise<DriftReport> {
    const asked = driftAsked(query, this.clock.now());
    this.imports.assertProvider(asked.provider);
    return toDriftReport(asked, await this.drift.compare(asked));
  }
}
