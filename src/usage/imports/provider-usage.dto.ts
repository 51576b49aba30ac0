import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsNumber, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { MoneyView } from '../../common/http/api-schemas.js';
import { notBeforeFirst } from '../../common/domain/times.js';
import { IsDay } from '../../common/http/is-time.js';
import { formatMoney, type Money } from '../../common/domain/money.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { EXPORT_SHAPES, type ExportShapeName, type ProviderFigures } from '../domain/provider-export.js';
import type { FileSummary } from './provider-usage.service.js';
import type { ProviderUsageImport } from './provider-usage.entity.js';
import type { DriftAsked, DriftLine } from './usage-drift.service.js';

const PROVIDER_LENGTH_MAX = 100;
const SHAPES = Object.keys(EXPORT_SHAPES) as ExportShapeName[];
const DAY_MS = 86_400_000;
const DAYS_DEFAULT = 31;
/** A quarter: days times models stay a table that can be read. */
const DAYS_MAX = 92;
const DAY = { format: 'date', example: '2026-05-10' } as const;

export class ProviderImportQuery extends ReasonRequest {
  @ApiProperty({ example: 'openai', description: 'As models.provider has it' })
  @IsString()
  @Length(1, PROVIDER_LENGTH_MAX)
  provider!: string;

  @ApiProperty({ enum: SHAPES, description: 'Whose columns the file has' })
  @IsIn(SHAPES)
  shape!: ExportShapeName;

  @ApiPropertyOptional({ enum: ['true', 'false'], default: 'true', description: 'Whether to show only what it holds' })
  @IsOptional()
  @IsIn(['true', 'false'])
  dryRun: 'true' | 'false' = 'true';
}

export class DriftQuery {
  @ApiProperty({ example: 'openai' })
  @IsString()
  @Length(1, PROVIDER_LENGTH_MAX)
  provider!: string;

  @ApiPropertyOptional({ ...DAY, description: 'The first day, of UTC; without it 30 days before the last' })
  @IsOptional()
  @IsDay()
  from?: string;

  @ApiPropertyOptional({ ...DAY, description: 'The last day, included; today without it' })
  @IsOptional()
  @IsDay()
  to?: string;

  @ApiPropertyOptional({ default: 1, minimum: 0, maximum: 100, description: 'What may differ, in percent' })
  @IsOptional()
  @Type(() => Number)
  @Max(100)
  @Min(0)
  @IsNumber()
  thresholdPercent: number = 1;
}

/** @throws InvalidRequestError for an empty or too long range */
export function driftAsked(query: DriftQuery, now: Date): DriftAsked {
  const { provider, thresholdPercent, to: lastDay = dayOf(now) } = query;
  const begins = new Date(Date.parse(lastDay) - (DAYS_DEFAULT - 1) * DAY_MS);
  const firstDay = query.from ?? dayOf(notBeforeFirst(begins));
  const days = (Date.parse(lastDay) - Date.parse(firstDay)) / DAY_MS + 1;
  if (days < 1) throw InvalidRequestError.of([{ field: 'from', message: 'must not be after to' }]);
  if (days > DAYS_MAX)
    throw InvalidRequestError.of([{ field: 'from', message: `must be at most ${DAYS_MAX} days before to` }]);
  return { provider, firstDay, lastDay, thresholdPercent };
}

export function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

export class ProviderImportView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ example: 'openai' }) provider!: string;
  @ApiProperty({ enum: SHAPES }) shape!: string;
  @ApiProperty() sha256!: string;
  @ApiProperty({ description: 'That name a model' }) rows!: number;
  @ApiProperty(DAY) firstDay!: string;
  @ApiProperty(DAY) lastDay!: string;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) importedBy!: string | null;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class ProviderImportsPage {
  @ApiProperty({ type: [ProviderImportView] }) data!: ProviderImportView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class ProviderImportResult {
  @ApiProperty({ description: 'Whether nothing was written' }) dryRun!: boolean;
  @ApiProperty({ description: 'Whether this file was taken before; nothing was written then' }) isRepeated!: boolean;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) importId!: string | null;
  @ApiProperty() sha256!: string;
  @ApiProperty({ description: 'That name a model' }) rows!: number;
  @ApiProperty(DAY) firstDay!: string;
  @ApiProperty(DAY) lastDay!: string;
  @ApiProperty({ type: [String], description: 'Names that no model of this provider has, whole or without a date' })
  unknownModels!: string[];
}

export class FiguresView {
  @ApiPropertyOptional() requests?: number;
  @ApiPropertyOptional({ description: 'Cached ones included' }) inputTokens?: number;
  @ApiPropertyOptional() outputTokens?: number;
  @ApiPropertyOptional({ type: MoneyView }) cost?: Money;
}

export class DriftPercentView {
  @ApiPropertyOptional({ type: Number, nullable: true }) requests?: number | null;
  @ApiPropertyOptional({ type: Number, nullable: true }) inputTokens?: number | null;
  @ApiPropertyOptional({ type: Number, nullable: true }) outputTokens?: number | null;
  @ApiPropertyOptional({ type: Number, nullable: true }) cost?: number | null;
}

export class DriftLineView {
  @ApiProperty(DAY) day!: string;
  @ApiProperty({ description: 'As the provider is sent it' }) model!: string;
  @ApiProperty({ type: FiguresView, description: 'What its files told' }) provider!: FiguresView;
  @ApiProperty({ type: FiguresView }) ledger!: FiguresView;
  @ApiProperty({
    type: DriftPercentView,
    description: 'Of the provider’s figure; above 0 the ledger has more, null where the provider has nothing',
  })
  driftPercent!: DriftPercentView;
  @ApiProperty({ description: 'Whether any figure differs by more than the threshold' }) isBeyond!: boolean;
}

export class DriftReport {
  @ApiProperty(DAY) from!: string;
  @ApiProperty(DAY) to!: string;
  @ApiProperty({ example: 1 }) thresholdPercent!: number;
  @ApiProperty({ description: 'Lines beyond the threshold' }) beyond!: number;
  @ApiProperty({ type: [DriftLineView], description: 'Of the days that a file told of, latest first' })
  data!: DriftLineView[];
}

export function toImportView(taken: ProviderUsageImport): ProviderImportView {
  return {
    id: taken.id,
    provider: taken.provider,
    shape: taken.shape,
    sha256: taken.fileSha256,
    rows: taken.rowCount,
    firstDay: taken.firstDay,
    lastDay: taken.lastDay,
    importedBy: taken.importedBy ?? null,
    createdAt: taken.createdAt.toISOString(),
  };
}

export function toImportResult(
  { sha256, rowCount }: { sha256: string; rowCount: number },
  summary: FileSummary,
  outcome: { taken: ProviderUsageImport; isRepeated: boolean } | null,
): ProviderImportResult {
  return {
    dryRun: outcome === null,
    isRepeated: outcome?.isRepeated ?? false,
    importId: outcome?.taken.id ?? null,
    sha256,
    rows: rowCount,
    ...summary,
  };
}

export function toDriftReport({ firstDay, lastDay, thresholdPercent }: DriftAsked, lines: DriftLine[]): DriftReport {
  return {
    from: firstDay,
    to: lastDay,
    thresholdPercent,
    beyond: lines.filter((line) => line.isBeyond).length,
    data: lines.map(({ day, model, provider, ledger, drift, isBeyond }) => {
      const { costNusd: cost, ...percents } = drift;
      return {
        day,
        model,
        provider: toFiguresView(provider),
        ledger: toFiguresView(ledger),
        driftPercent: { ...percents, ...(cost !== undefined && { cost }) },
        isBeyond,
      };
    }),
  };
}

function toFiguresView({ requests, inputTokens, outputTokens, costNusd }: ProviderFigures): FiguresView {
  return {
    ...(requests !== undefined && { requests: Number(requests) }),
    ...(inputTokens !== undefined && { inputTokens: Number(inputTokens) }),
    ...(outputTokens !== undefined && { outputTokens: Number(outputTokens) }),
    ...(costNusd !== undefined && { cost: formatMoney(costNusd) }),
  };
}
