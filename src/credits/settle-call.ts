import { storableText, storedJson } from '../common/domain/storable.js';
import { arrayOf, type Plain } from '../database/array-parameter.js';
import { functionCall } from '../database/function-call.js';
import type { SettleMember } from './hold.repository.js';

/** One attempt that a provider charges, priced: what becomes a row of the usage ledger. */
export interface ChargedAttempt {
  /** Of the ledger row. */
  id: string;
  attemptNo: number;
  subscriptionId: string | null;
  modelId: string;
  modelVersionNo: number;
  provider: string;
  providerRequestId: string | null;
  operation: string;
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  imageCount: number;
  imageTokens: number;
  priceBasis: 'standard' | 'long_context';
  creditsUcr: bigint;
  costNusd: bigint;
  usageSource: 'provider' | 'estimated';
  outcome: string;
  latencyMs: number;
  firstTokenMs: number | null;
  metadata: Record<string, unknown>;
}

/** Members, then attempts with the number of their member, then the clock, then idempotency: the order of `tollgate.settle_batch`. */
export const SETTLE_SQL = functionCall('settle_batch', 42);

export function settleParameters(members: readonly SettleMember[], now: Date): unknown[] {
  const of = (pick: (member: SettleMember) => Plain): string => arrayOf(members.map(pick));
  return [
    of((m) => m.id),
    of((m) => m.userId),
    of((m) => m.state),
    of((m) => m.attempts.reduce((sum, attempt) => sum + attempt.creditsUcr, 0n)),
    of((m) => m.hold?.amountUcr ?? null),
    of((m) => m.hold?.accessId ?? null),
    members.map((m) => m.hold?.modelId ?? null),
    of((m) => m.hold?.modelVersionNo ?? null),
    of((m) => m.hold?.boundTokens ?? null),
    of((m) => m.hold?.heldAt ?? null),
    of((m) => m.hold?.expiresAt ?? null),
    ...attemptParameters(members),
    now,
    ...idempotencyParameters(members),
  ];
}

function attemptParameters(members: readonly SettleMember[]): unknown[] {
  const attempts = members.flatMap((member, index) =>
    member.attempts.map((attempt) => ({ member: index + 1, ...attempt })),
  );
  const of = (pick: (attempt: (typeof attempts)[number]) => Plain): string => arrayOf(attempts.map(pick));
  return [
    of((a) => a.member),
    of((a) => a.id),
    of((a) => a.attemptNo),
    of((a) => a.subscriptionId),
    attempts.map((a) => a.modelId),
    of((a) => a.modelVersionNo),
    attempts.map((a) => a.provider),
    attempts.map((a) => a.providerRequestId && storableText(a.providerRequestId)),
    of((a) => a.operation),
    of((a) => a.inputTokens),
    of((a) => a.cachedInputTokens),
    of((a) => a.cacheWriteTokens),
    of((a) => a.outputTokens),
    of((a) => a.reasoningTokens),
    of((a) => a.imageCount),
    of((a) => a.imageTokens),
    of((a) => a.priceBasis),
    of((a) => a.creditsUcr),
    of((a) => a.costNusd),
    of((a) => a.usageSource),
    of((a) => a.outcome),
    of((a) => a.latencyMs),
    of((a) => a.firstTokenMs),
    // Callers may send what no column takes, in a stop sequence, say; what they used must be charged all the same.
    attempts.map((a) => storedJson(a.metadata)),
  ];
}

function idempotencyParameters(members: readonly SettleMember[]): unknown[] {
  if (!members.some((member) => member.idempotency)) return [null, null, null, null, null, null];
  const of = <T>(pick: (claim: NonNullable<SettleMember['idempotency']>) => T): (T | null)[] =>
    members.map((member) => (member.idempotency ? pick(member.idempotency) : null));
  return [
    of((claim) => claim.route),
    of((claim) => claim.key),
    of((claim) => claim.requestHash),
    of((claim) => claim.answer.status),
    of((claim) => JSON.stringify(claim.answer.headers)),
    of((claim) => claim.answer.bodySealed),
  ];
}
