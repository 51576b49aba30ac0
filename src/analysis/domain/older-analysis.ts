import { z } from 'zod';
import { parseMoney } from '../../common/domain/money.js';
import { unstorableIn } from '../../common/domain/storable.js';
import { readableTime } from './older-time.js';

const NAME_LENGTH_MAX = 100;
const SUBJECT_LENGTH_MAX = 200;
const KIND_DEFAULT = 'sentiment';
const TOKENS_MAX = 2 ** 31 - 1;

/** Nothing was analysed by a model before: what says so is a number of seconds, or was never set. */
const FIRST_TIME = new Date('2000-01-01T00:00:00Z');
const LAST_TIME = new Date('9999-12-31T23:59:59.999Z');
/** As deep as the body of a request may be; the database takes some thousands. */
const RESULT_DEPTH_MAX = 64;

/** Numbers, and texts of them, as files that were tables write them. */
const count = z.preprocess(
  present,
  z.coerce.number({ error: 'must be a whole number' }).int('must be a whole number').min(0).max(TOKENS_MAX).optional(),
);
const time = z.preprocess(
  (value) => readableTime(present(value)),
  z.coerce
    .date({ error: 'must be a time such as 2026-05-10T12:00:00Z' })
    .min(FIRST_TIME, 'must be a time after 1999: a number is one of milliseconds')
    .max(LAST_TIME, 'must be a time before 10000')
    .optional(),
);
const text = (max: number) =>
  z.preprocess((value) => present(typeof value === 'number' ? String(value) : value), z.string().max(max).optional());
const json = z.preprocess(
  (value) => (typeof value === 'string' ? parsed(value) : value),
  z.record(z.string(), z.unknown()),
);
const cost = z.preprocess(
  (value) => present(typeof value === 'number' ? value.toFixed(9) : value),
  z
    .string()
    .refine((value) => nusdOf(value) !== null, 'must be an amount in USD with at most 9 decimals')
    .optional(),
);

/** The names that older tables and files have for the same things, the first of them ours. */
const NAMES: Record<string, readonly string[]> = {
  id: ['id', 'analysis_id', 'analysisId', 'uuid'],
  userId: ['user_id', 'userId'],
  email: ['email', 'user_email', 'userEmail'],
  subject: ['subject_id', 'subjectId', 'subject', 'entry_id', 'entryId'],
  kind: ['kind', 'type', 'analysis_type', 'analysisType'],
  text: ['text', 'input', 'content'],
  result: ['result', 'analysis', 'output'],
  status: ['status', 'state'],
  model: ['model_type', 'modelType', 'model', 'model_name', 'modelName'],
  requestTokens: ['request_tokens', 'requestTokens', 'prompt_tokens', 'promptTokens'],
  responseTokens: ['response_tokens', 'responseTokens', 'completion_tokens', 'completionTokens'],
  tokensUsed: ['tokens_used', 'tokensUsed', 'total_tokens', 'totalTokens', 'tokens'],
  costUsd: ['cost_usd', 'costUsd', 'cost', 'api_cost', 'apiCost'],
  processingMs: ['processing_ms', 'processingMs', 'processing_time_ms', 'processingTimeMs', 'processingTime'],
  attempts: ['attempts', 'processing_attempts', 'processingAttempts'],
  createdAt: ['created_at', 'createdAt', 'created', 'timestamp'],
  completedAt: ['completed_at', 'completedAt', 'processed_at', 'processedAt'],
};

const Fields = z
  .object({
    id: text(36).pipe(z.uuid('must be a UUID').optional()),
    userId: text(36).pipe(z.uuid('must be a UUID').optional()),
    email: text(320),
    subject: text(SUBJECT_LENGTH_MAX),
    kind: text(NAME_LENGTH_MAX),
    text: text(1_000_000),
    result: json.nullish(),
    status: text(20).pipe(
      z.enum(['completed', 'complete', 'done', 'success', 'failed', 'error'], 'must be completed or failed').optional(),
    ),
    model: text(NAME_LENGTH_MAX),
    requestTokens: count,
    responseTokens: count,
    tokensUsed: count,
    costUsd: cost,
    processingMs: count,
    attempts: count,
    createdAt: time,
    completedAt: time,
  })
  .superRefine((row, context) => {
    const fault = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    const { result, ...others } = row;
    const isTooDeep = isDeeperThan(RESULT_DEPTH_MAX, result);
    if (isTooDeep) fault('result', `must not be deeper than ${RESULT_DEPTH_MAX} levels`);
    for (const [field, value] of Object.entries(isTooDeep ? others : row)) {
      const unstorable = unstorableIn(value);
      if (unstorable !== null) fault(field, `must not hold ${unstorable}`);
    }
    if (!row.userId && !row.email) fault('userId', 'is missing, and so is email');
    if (!row.subject) fault('subject', 'is missing');
    if (!row.createdAt) fault('createdAt', 'is missing');
    if (sumOf(row.requestTokens, row.responseTokens) > TOKENS_MAX)
      fault('requestTokens', `and responseTokens must be at most ${TOKENS_MAX} together`);
    if (isDone(row.status) && !row.result) fault('result', 'is missing of an analysis that is completed');
    if (row.createdAt && row.completedAt && row.completedAt < row.createdAt)
      fault('completedAt', 'is before createdAt');
  });

/** A finished analysis of an older installation, as it is kept here. */
export interface OlderAnalysis {
  id: string | null;
  userId: string | null;
  email: string | null;
  subject: string;
  kind: string;
  text: string;
  result: Record<string, unknown> | null;
  isCompleted: boolean;
  model: string | null;
  requestTokens: number | null;
  responseTokens: number | null;
  tokensUsed: number | null;
  costNusd: bigint;
  processingMs: number | null;
  attempts: number;
  createdAt: Date;
  completedAt: Date;
}

/** What a row of an older shape says, or every fault of it. Members that nobody knows are passed over. */
export function readOlderAnalysis(row: unknown): { analysis: OlderAnalysis } | { faults: string[] } {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return { faults: ['the row is no object'] };
  const named = Object.entries(NAMES).map(([field, names]) => [field, valueOf(row as Record<string, unknown>, names)]);
  const read = Fields.safeParse(Object.fromEntries(named));
  if (!read.success) return { faults: read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`) };
  const { data } = read;
  const { requestTokens = null, responseTokens = null } = data;
  const sum = requestTokens === null && responseTokens === null ? null : sumOf(requestTokens, responseTokens);
  return {
    analysis: {
      id: data.id?.toLowerCase() ?? null,
      userId: data.userId?.toLowerCase() ?? null,
      email: data.email?.toLowerCase() ?? null,
      subject: data.subject!,
      kind: data.kind ?? KIND_DEFAULT,
      text: data.text ?? '',
      result: data.result ?? null,
      isCompleted: isDone(data.status),
      model: data.model ?? null,
      requestTokens,
      responseTokens,
      tokensUsed: data.tokensUsed ?? sum,
      costNusd: data.costUsd === undefined ? 0n : (nusdOf(data.costUsd) ?? 0n),
      processingMs: data.processingMs ?? null,
      attempts: data.attempts ?? 1,
      createdAt: data.createdAt!,
      completedAt: data.completedAt ?? data.createdAt!,
    },
  };
}

function sumOf(one: number | null | undefined, other: number | null | undefined): number {
  return (one ?? 0) + (other ?? 0);
}

/** What is absent is an empty text in some files, and null in others. */
function present(value: unknown): unknown {
  return value === '' || value === null ? undefined : value;
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(levels - 1, member));
}

function isDone(status: string | undefined): boolean {
  return status !== 'failed' && status !== 'error';
}

function valueOf(row: Record<string, unknown>, names: readonly string[]): unknown {
  const name = names.find((candidate) => Object.hasOwn(row, candidate));
  return name === undefined ? undefined : row[name];
}

function parsed(value: string): unknown {
  if (value === '') return undefined;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function nusdOf(value: string): bigint | null {
  try {
    return parseMoney(value);
  } catch {
    return null;
  }
}
