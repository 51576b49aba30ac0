import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { MoneyView } from '../../common/http/api-schemas.js';
import { formatCredits } from '../../common/domain/micro-credits.js';
import { formatMoney, type Money } from '../../common/domain/money.js';
import { RangeQuery } from '../../usage/usage-range.js';
import { SUMMARY_GROUPS, type SummaryGroup, type SummaryRow } from './analysis-summary.service.js';

export class SummaryQuery extends RangeQuery {
  @ApiPropertyOptional({ enum: SUMMARY_GROUPS, default: 'kind' })
  @IsOptional()
  @IsIn(SUMMARY_GROUPS)
  groupBy: SummaryGroup = 'kind';
}

export class SummaryLine {
  @ApiProperty({ type: String, nullable: true, description: 'The model, kind, plan or hour (UTC) of this line' })
  group!: string | null;
  @ApiProperty() analyses!: number;
  @ApiProperty({ description: 'Still waiting or worked on' }) open!: number;
  @ApiProperty({ description: 'Failed or given up' }) failed!: number;
  @ApiProperty({ example: 0.02, description: 'Of all, those that rules had to answer first' }) fallbackRate!: number;
  @ApiProperty({ description: 'Of those, how many a model answered later' }) upgraded!: number;
  @ApiProperty() tokens!: number;
  @ApiProperty({ example: '12.500000' }) credits!: string;
  @ApiProperty({ type: MoneyView }) cost!: Money;
  @ApiProperty({ type: Number, nullable: true, description: 'The median' }) queueWaitMsP50!: number | null;
  @ApiProperty({ type: Number, nullable: true }) queueWaitMsP95!: number | null;
  @ApiProperty({ type: Number, nullable: true }) processingMsP50!: number | null;
  @ApiProperty({ type: Number, nullable: true }) processingMsP95!: number | null;
}

export class SummaryReport {
  @ApiProperty({ format: 'date-time' }) from!: string;
  @ApiProperty({ format: 'date-time' }) to!: string;
  @ApiProperty({ type: [SummaryLine] }) data!: SummaryLine[];
}

export function toSummaryLine(row: SummaryRow): SummaryLine {
  const { group, analyses, open, failed, fallbacks, upgraded } = row;
  return {
    group,
    analyses,
    open,
    failed,
    fallbackRate: Number((fallbacks / analyses).toFixed(4)),
    upgraded,
    tokens: Number(row.tokens),
    credits: formatCredits(BigInt(row.credits)),
    cost: formatMoney(BigInt(row.cost)),
    queueWaitMsP50: row.waits?.[0] ?? null,
    queueWaitMsP95: row.waits?.[1] ?? null,
    processingMsP50: row.processings?.[0] ?? null,
    processingMsP95: row.processings?.[1] ?? null,
  };
}
