import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsEmail, IsIn, IsOptional, IsString, IsUUID, Length, MaxLength } from 'class-validator';
import { z } from 'zod';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { hasNul } from '../../common/domain/nul.js';
import { etagOf } from '../../common/http/etag.js';
import { PageQuery } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import type { Diagnostics } from '../diagnostics.entity.js';
import { PLATFORMS, type Platform, VERSION_LENGTH_MAX } from '../domain/app-version.js';
import { findExcess } from '../domain/payload-bounds.js';
import type { Feedback } from '../feedback.entity.js';

export const FEEDBACK_CATEGORIES = ['bug', 'idea', 'question', 'praise', 'other'] as const;
export const FEEDBACK_STATES = ['new', 'read', 'answered', 'closed'] as const;
export const DIAGNOSTICS_KINDS = ['crash', 'hang', 'log', 'other'] as const;
/** Some pages of text. */
const MESSAGE_LENGTH_MAX = 5_000;
/** The longest address there is (RFC 5321). */
const EMAIL_LENGTH_MAX = 254;

export class FeedbackRequest {
  @ApiProperty({ enum: FEEDBACK_CATEGORIES })
  @IsIn(FEEDBACK_CATEGORIES)
  category!: (typeof FEEDBACK_CATEGORIES)[number];

  @ApiProperty({ minLength: 1, maxLength: MESSAGE_LENGTH_MAX })
  @IsString()
  @Length(1, MESSAGE_LENGTH_MAX)
  message!: string;

  @ApiPropertyOptional({ example: '1.4.0', maxLength: VERSION_LENGTH_MAX })
  @IsOptional()
  @IsString()
  @Length(1, VERSION_LENGTH_MAX)
  appVersion?: string;

  @ApiPropertyOptional({ enum: PLATFORMS })
  @IsOptional()
  @IsIn(PLATFORMS)
  platform?: Platform;

  @ApiPropertyOptional({ format: 'email', description: 'Where an answer should go; nobody is written to without it' })
  @IsOptional()
  @MaxLength(EMAIL_LENGTH_MAX)
  @IsEmail()
  contactEmail?: string;
}

const optionalText = z.string().min(1).max(VERSION_LENGTH_MAX).optional();

/**
 * Read by Zod and not as a class: what makes classes would walk through the whole payload before anything has looked at its size. The outer
 * shape is checked first, then the payload, with a walk that stops at its bounds.
 */
export const DiagnosticsUpload = z.strictObject({
  kind: z.enum(DIAGNOSTICS_KINDS),
  appVersion: optionalText,
  platform: z.enum(PLATFORMS).optional(),
  payload: z.record(z.string(), z.unknown()).superRefine((payload, context) => {
    const fault = findExcess(payload) ?? (hasNul(payload) ? 'must not hold a NUL character' : null);
    if (fault) context.addIssue({ code: 'custom', message: fault });
  }),
});
export type DiagnosticsUpload = z.infer<typeof DiagnosticsUpload>;

/** @throws InvalidRequestError naming every field at fault */
export function readDiagnostics(body: unknown): DiagnosticsUpload {
  const parsed = DiagnosticsUpload.safeParse(body);
  if (parsed.success) return parsed.data;
  throw InvalidRequestError.of(
    parsed.error.issues.map(({ path, message }) => ({ field: path.map(String).join('.') || 'body', message })),
  );
}

export class IntakeReceiptView {
  @ApiProperty({ format: 'uuid', description: 'What to name when asking about it' }) id!: string;
}

export class DiagnosticsReceiptView extends IntakeReceiptView {
  @ApiProperty({ description: 'What is kept, after secrets and addresses were taken out' }) sizeBytes!: number;
  @ApiProperty({ format: 'date-time', description: 'When it is deleted' }) keptUntil!: string;
}

export class FeedbackQuery extends PageQuery {
  @ApiPropertyOptional({ enum: FEEDBACK_STATES })
  @IsOptional()
  @IsIn(FEEDBACK_STATES)
  state?: (typeof FEEDBACK_STATES)[number];

  @ApiPropertyOptional({ enum: FEEDBACK_CATEGORIES })
  @IsOptional()
  @IsIn(FEEDBACK_CATEGORIES)
  category?: (typeof FEEDBACK_CATEGORIES)[number];

  @ApiPropertyOptional({ enum: PLATFORMS })
  @IsOptional()
  @IsIn(PLATFORMS)
  platform?: Platform;
}

export class UpdateFeedbackRequest extends ReasonRequest {
  @ApiProperty({ enum: FEEDBACK_STATES })
  @IsIn(FEEDBACK_STATES)
  state!: (typeof FEEDBACK_STATES)[number];
}

export class DiagnosticsQuery extends PageQuery {
  @ApiPropertyOptional({ enum: DIAGNOSTICS_KINDS })
  @IsOptional()
  @IsIn(DIAGNOSTICS_KINDS)
  kind?: (typeof DIAGNOSTICS_KINDS)[number];

  @ApiPropertyOptional({ enum: PLATFORMS })
  @IsOptional()
  @IsIn(PLATFORMS)
  platform?: Platform;

  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;
}

export class FeedbackView extends IntakeReceiptView {
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) userId!: string | null;
  @ApiProperty({ type: String, nullable: true }) appVersion!: string | null;
  @ApiProperty({ type: String, nullable: true }) platform!: string | null;
  @ApiProperty({ enum: FEEDBACK_CATEGORIES }) category!: string;
  @ApiProperty() message!: string;
  @ApiProperty({ type: String, nullable: true }) contactEmail!: string | null;
  @ApiProperty({ enum: FEEDBACK_STATES }) state!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
}

export class FeedbackPage {
  @ApiProperty({ type: [FeedbackView] }) data!: FeedbackView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class DiagnosticsSummaryView extends IntakeReceiptView {
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) userId!: string | null;
  @ApiProperty({ type: String, nullable: true }) appVersion!: string | null;
  @ApiProperty({ type: String, nullable: true }) platform!: string | null;
  @ApiProperty({ enum: DIAGNOSTICS_KINDS }) kind!: string;
  @ApiProperty() sizeBytes!: number;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class DiagnosticsView extends DiagnosticsSummaryView {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'Without secrets, tokens and mail addresses',
  })
  payload!: unknown;
}

export class DiagnosticsPage {
  @ApiProperty({ type: [DiagnosticsSummaryView] }) data!: DiagnosticsSummaryView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export function toFeedbackView(feedback: Feedback): FeedbackView {
  return {
    id: feedback.id,
    userId: feedback.userId ?? null,
    appVersion: feedback.appVersion ?? null,
    platform: feedback.platform ?? null,
    category: feedback.category,
    message: feedback.message,
    contactEmail: feedback.contactEmail ?? null,
    state: feedback.state,
    createdAt: feedback.createdAt.toISOString(),
    updatedAt: feedback.updatedAt.toISOString(),
  };
}

export function etagOfFeedback(feedback: Feedback): string {
  return etagOf(toFeedbackView(feedback));
}

export function toDiagnosticsSummary(report: Omit<Diagnostics, 'payload'>): DiagnosticsSummaryView {
  return {
    id: report.id,
    userId: report.userId ?? null,
    appVersion: report.appVersion ?? null,
    platform: report.platform ?? null,
    kind: report.kind,
    sizeBytes: report.sizeBytes,
    createdAt: report.createdAt.toISOString(),
  };
}

export function toDiagnosticsView(report: Diagnostics): DiagnosticsView {
  return Object.assign(toDiagnosticsSummary(report), { payload: report.payload });
}
