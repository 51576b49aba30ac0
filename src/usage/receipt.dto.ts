import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ANY_VALUE, MoneyView } from '../common/http/api-schemas.js';
import { formatCredits } from '../common/domain/micro-credits.js';
import { formatMoney, type Money } from '../common/domain/money.js';
import type { PartRates } from '../models/domain/model-prices.js';
import { chargedParts } from './domain/cost.js';
import { type TokenUsage, USAGE_OUTCOMES, USAGE_SOURCES } from './token-usage.entity.js';
import type { Receipt } from './usage.service.js';

export class ReceiptTokens {
  @ApiProperty({ description: 'Charged at the plain input rate' })
  input!: number;

  @ApiProperty()
  cachedInput!: number;

  @ApiProperty()
  cacheWrite!: number;

  @ApiProperty({ description: 'Tokens of images; part of input where images have no rate of their own' })
  image!: number;

  @ApiProperty({ description: 'Reasoning included' })
  output!: number;

  @ApiProperty()
  reasoning!: number;

  @ApiProperty()
  imageCount!: number;
}

/** Credits per token, as decimal strings, at the price version that was charged. */
export class ReceiptRates {
  @ApiProperty()
  input!: string;

  @ApiProperty()
  cachedInput!: string;

  @ApiProperty()
  cacheWrite!: string;

  @ApiProperty()
  image!: string;

  @ApiProperty()
  output!: string;

  @ApiProperty()
  reasoning!: string;
}

export class ReceiptGrant {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ type: String, nullable: true })
  source!: string | null;

  @ApiProperty({ example: '0.012000' })
  amount!: string;
}

export class ReceiptAttempt {
  @ApiProperty()
  model!: string;

  @ApiProperty()
  modelVersion!: number;

  @ApiProperty()
  operation!: string;

  @ApiProperty({ type: ReceiptTokens })
  tokens!: ReceiptTokens;

  @ApiProperty({ type: ReceiptRates, nullable: true })
  rates!: ReceiptRates | null;

  @ApiProperty({ example: '0.012000' })
  creditsCharged!: string;

  @ApiProperty({
    type: MoneyView,
    description: 'What the provider charges for it',
  })
  cost!: Money;

  @ApiProperty({ enum: USAGE_OUTCOMES })
  outcome!: string;

  @ApiProperty({ enum: USAGE_SOURCES, description: 'estimated: the provider reported no usage' })
  usageSource!: string;
}

class ReceiptParameters {
  @ApiProperty(ANY_VALUE) sent!: unknown;
  @ApiProperty(ANY_VALUE) applied!: unknown;
}

class ReceiptTimings {
  @ApiProperty({ type: Number, nullable: true }) holdMs!: number | null;
  @ApiProperty({ type: Number, nullable: true }) firstTokenMs!: number | null;
  @ApiProperty() totalMs!: number;
}

class ReceiptBatch {
  @ApiProperty({ example: 4 }) size!: number;
  @ApiProperty({ example: 1204 }) tokens!: number;
}

export class ReceiptView extends ReceiptAttempt {
  @ApiProperty({ format: 'uuid' })
  requestId!: string;

  @ApiProperty({ type: [ReceiptGrant], description: 'What paid for it' })
  grants!: ReceiptGrant[];

  @ApiProperty({ example: '0.000000', description: 'What no grant covered' })
  debt!: string;

  @ApiProperty({ type: ReceiptParameters, description: 'What was sent to the model, and what was changed on the way' })
  parameters!: { sent: unknown; applied: unknown };

  @ApiProperty({ type: ReceiptTimings, description: 'Milliseconds' })
  timings!: { holdMs: number | null; firstTokenMs: number | null; totalMs: number };

  @ApiPropertyOptional({ format: 'uuid', description: 'Whose answer was given again, free of charge' })
  cachedFrom?: string;

  @ApiPropertyOptional({
    type: ReceiptBatch,
    description:
      'How many requests shared the call, and its tokens in all; tokens, credits and cost here are the share',
  })
  batch?: { size: number; tokens: number };

  @ApiPropertyOptional({ type: [ReceiptAttempt], description: 'Every charged attempt, when there was more than one' })
  attempts?: ReceiptAttempt[];

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;
}

/** What a line of the ledger keeps for its receipt. */
interface ReceiptMetadata {
  parameters?: { sent?: unknown; applied?: unknown };
  holdMs?: number;
  cachedFrom?: string;
  batch?: { size: number; tokens: number };
}

export function toReceiptView({ attempts, payments }: Receipt): ReceiptView {
  const views = attempts.map(({ row, rates }) => toAttempt(row, rates));
  const rows = attempts.map(({ row }) => row);
  const [first, last, view] = [rows.at(0), rows.at(-1), views.at(-1)];
  if (!first || !last || !view) throw new Error('a receipt has at least one attempt');
  const metadata = last.metadata as ReceiptMetadata;
  const { cachedFrom } = metadata;
  const { batch } = first.metadata as ReceiptMetadata;
  const debtUcr = payments
    .filter(({ creditId }) => creditId === null)
    .reduce((sum, { amountUcr }) => sum + amountUcr, 0n);
  return {
    requestId: last.requestId,
    model: view.model,
    modelVersion: view.modelVersion,
    operation: view.operation,
    tokens: view.tokens,
    rates: view.rates,
    outcome: view.outcome,
    usageSource: view.usageSource,
    creditsCharged: formatCredits(rows.reduce((sum, row) => sum + row.creditsUcr, 0n)),
    cost: formatMoney(rows.reduce((sum, row) => sum + row.costNusd, 0n)),
    grants: payments.flatMap(({ creditId, source, amountUcr }) =>
      creditId === null ? [] : [{ id: creditId, source, amount: formatCredits(amountUcr) }],
    ),
    debt: formatCredits(debtUcr),
    parameters: { sent: metadata.parameters?.sent ?? {}, applied: metadata.parameters?.applied ?? [] },
    timings: { holdMs: metadata.holdMs ?? null, firstTokenMs: last.firstTokenMs ?? null, totalMs: last.latencyMs },
    ...(cachedFrom !== undefined && { cachedFrom }),
    ...(batch && { batch: { size: batch.size, tokens: batch.tokens } }),
    ...(views.length > 1 && { attempts: views }),
    createdAt: last.createdAt.toISOString(),
  };
}

function toAttempt(row: TokenUsage, rates: PartRates | null): ReceiptAttempt {
  const parts = chargedParts(row, rates !== null && rates.image !== null);
  return {
    model: row.modelId,
    modelVersion: row.modelVersionNo,
    operation: row.operation,
    tokens: {
      input: parts.input,
      cachedInput: parts.cachedInput,
      cacheWrite: parts.cacheWrite,
      image: row.imageTokens,
      output: parts.output,
      reasoning: row.reasoningTokens,
      imageCount: row.imageCount,
    },
    rates: rates && {
      input: formatCredits(rates.input),
      cachedInput: formatCredits(rates.cachedInput),
      cacheWrite: formatCredits(rates.cacheWrite),
      image: formatCredits(rates.image ?? rates.input),
      output: formatCredits(rates.output),
      reasoning: formatCredits(rates.output),
    },
    creditsCharged: formatCredits(row.creditsUcr),
    cost: formatMoney(row.costNusd),
    outcome: row.outcome,
    usageSource: row.usageSource,
  };
}
