import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsOptional, IsUUID } from 'class-validator';
import { BooleanText } from '../common/http/boolean-text.js';
import { formatCredits } from '../common/domain/micro-credits.js';
import type { RolloverLine, RolloverTotals } from './rollover.service.js';

export class RolloverQuery {
  @ApiPropertyOptional({ default: false, description: 'Show what would be done, and change nothing' })
  @IsOptional()
  @BooleanText()
  @IsBoolean({ message: 'must be true or false' })
  dryRun: boolean = false;

  @ApiPropertyOptional({ format: 'uuid', description: 'One account alone' })
  @IsOptional()
  @IsUUID()
  userId?: string;
}

export class RolloverLineView {
  @ApiProperty({ format: 'uuid' }) userId!: string;
  @ApiProperty({ format: 'uuid' }) subscriptionId!: string;
  @ApiProperty() periodIndex!: number;
  @ApiProperty({ example: '1300.000000' }) left!: string;
  @ApiProperty({ example: '1000.000000' }) carried!: string;
  @ApiProperty({ example: '300.000000' }) forfeited!: string;
  @ApiProperty({ example: '2000.000000', description: 'Of the next period' }) allowance!: string;
}

export class RolloverView {
  @ApiProperty() dryRun!: boolean;
  @ApiProperty({ format: 'date-time' }) at!: string;
  @ApiProperty({ description: 'Periods' }) closed!: number;
  @ApiProperty({ description: 'Accounts whose close failed: see /admin/job-failures' }) failed!: number;
  @ApiProperty({ example: '1300.000000' }) left!: string;
  @ApiProperty({ example: '1000.000000' }) carried!: string;
  @ApiProperty({ example: '300.000000' }) forfeited!: string;
  @ApiProperty({ example: '2000.000000' }) granted!: string;
  @ApiProperty({ type: [RolloverLineView], description: 'Of a dry run, at most 200' }) data!: RolloverLineView[];
}

export function toRolloverView(
  run: { dryRun: boolean; at: Date },
  { totals, lines }: { totals: RolloverTotals; lines: RolloverLine[] },
): RolloverView {
  return {
    dryRun: run.dryRun,
    at: run.at.toISOString(),
    closed: totals.closed,
    failed: totals.failed,
    left: formatCredits(totals.leftUcr),
    carried: formatCredits(totals.carriedUcr),
    forfeited: formatCredits(totals.forfeitedUcr),
    granted: formatCredits(totals.grantedUcr),
    data: lines.map(({ userId, subscriptionId, periodIndex, ...amounts }) => ({
      userId,
      subscriptionId,
      periodIndex,
      left: formatCredits(amounts.leftUcr),
      carried: formatCredits(amounts.carriedUcr),
      forfeited: formatCredits(amounts.forfeitedUcr),
      allowance: formatCredits(amounts.allowanceUcr),
    })),
  };
}
