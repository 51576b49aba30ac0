import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, IsUUID, Length, Matches, MaxLength } from 'class-validator';
import { IfSent } from '../common/http/if-sent.js';
import { formatCredits } from '../common/domain/micro-credits.js';
import type { Corrected } from './ledger.service.js';
import { GRANT_SOURCES, type GrantSource } from './grant.entity.js';
import { POSTING_KINDS, type PostingKind } from './posting.entity.js';
import type { PostingLine } from './posting.repository.js';

/** Long enough for a sentence and a ticket's address. */
export const REASON_LENGTH_MAX = 500;
export const CREDITS = { type: String, example: '12.500000', description: 'Credits, as a decimal string' } as const;
export const SIGNED_CREDITS = { ...CREDITS, example: '-12.500000' } as const;

/** One line of an account's books. */
export class PostingView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ enum: POSTING_KINDS })
  kind!: PostingKind;

  @ApiProperty({ ...SIGNED_CREDITS, description: 'What the grant gains or loses; for lines without one, the debt' })
  amount!: string;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'Null for the debt' })
  grantId!: string | null;

  @ApiProperty({ type: String, enum: GRANT_SOURCES, nullable: true })
  grantSource!: GrantSource | null;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'The request that caused it' })
  requestId!: string | null;

  @ApiProperty({ type: String, nullable: true })
  reason!: string | null;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'The line that this one cancels' })
  reverses!: string | null;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'The line that cancels this one' })
  reversedBy!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;
}

export class AdminPostingView extends PostingView {
  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'The operator who caused it' })
  actorId!: string | null;
}

export class CorrectionView {
  @ApiProperty({ type: [AdminPostingView] })
  postings!: AdminPostingView[];

  @ApiProperty({ ...CREDITS, description: 'Open debt that credits which came free repaid at once' })
  debtRepaid!: string;

  @ApiProperty({ ...CREDITS, description: 'The debt that is left' })
  debt!: string;
}

/** What every correction needs: whose books, and why. */
export class CorrectionRequest {
  @ApiProperty({ format: 'uuid' })
  @IsUUID()
  userId!: string;

  @ApiProperty({ maxLength: REASON_LENGTH_MAX, description: 'Shown to the user in the history' })
  @Matches(/\S/, { message: 'reason must say why' })
  @MaxLength(REASON_LENGTH_MAX)
  @IsString()
  reason!: string;
}

export class KeyedCorrectionRequest extends CorrectionRequest {
  @ApiPropertyOptional({ description: 'For clients that cannot send the header Idempotency-Key' })
  @IfSent()
  @IsString()
  @Length(1, 255)
  idempotencyKey?: string;
}

export class AdjustmentRequest extends KeyedCorrectionRequest {
  @ApiProperty({ format: 'uuid' })
  @IsUUID()
  grantId!: string;

  @ApiProperty({
    ...SIGNED_CREDITS,
    description: 'Not 0, at most 1000000 credits either way, at most 6 digits after the point',
  })
  @Matches(/^-?\d{1,7}(\.\d{1,6})?$/, {
    message: 'must be a decimal string with at most 6 digits after the point, e.g. "-12.5"',
  })
  @IsString()
  amount!: string;
}

export class ReversalRequest extends KeyedCorrectionRequest {}

export class RefundRequest extends KeyedCorrectionRequest {
  @ApiProperty({ format: 'uuid', description: 'The X-Request-Id of the answer' })
  @IsUUID()
  requestId!: string;
}

export function toPostingView(line: PostingLine): PostingView {
  return {
    id: line.id,
    kind: line.kind,
    amount: formatCredits(line.amountUcr),
    grantId: line.creditId,
    grantSource: line.source,
    requestId: line.holdId,
    reason: line.reason,
    reverses: line.reverses,
    reversedBy: line.reversedBy,
    createdAt: line.createdAt.toISOString(),
  };
}

export function toAdminPostingView(line: PostingLine): AdminPostingView {
  return Object.assign(toPostingView(line), { actorId: line.actorId });
}

export function toCorrectionView({ postings, debtRepaidUcr, debtUcr }: Corrected): CorrectionView {
  return {
    postings: postings.map(toAdminPostingView),
    debtRepaid: formatCredits(debtRepaidUcr),
    debt: formatCredits(debtUcr),
  };
}
