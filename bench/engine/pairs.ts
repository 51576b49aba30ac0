import { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { newId } from '../../src/common/ids.js';
import { Hold } from '../../src/credits/hold.entity.js';
import type { HoldRepository, RequestLimits, ReserveMember, SettleMember } from '../../src/credits/hold.repository.js';
import type { ChargedAttempt } from '../../src/credits/settle-call.js';
import { type BenchAccount, UNIT_MODEL } from './accounts.js';
import { SINGLE_RESERVE, SINGLE_SETTLE } from './single-path.js';

const AMOUNT_UCR_MAX = 1_000;
/** One settlement in twenty costs a tenth more than was held. */
const OVER_EVERY = 20;
const HOLD_MS = 600_000;
/** Limits that apply and are never met: checking them is part of the work. */
const LIMITS: RequestLimits = {
  concurrentRequests: 1_000_000,
  requestsPerMinute: 1_000_000_000,
  tokensPerMinute: 1_000_000_000_000n,
  requestsPerDay: 1_000_000_000,
  tokensPerDay: 1_000_000_000_000n,
  requestsPerMonth: 1_000_000_000,
  tokensPerMonth: 1_000_000_000_000n,
};

/** How pairs of reserve and settle go out: `size` members a call, `inFlight` calls at once. */
export interface Way {
  name: string;
  kind: 'batch' | 'single';
  size: number;
  inFlight: number;
}

export const WAYS: readonly Way[] = [
  { name: 'one per call, 1 connection', kind: 'single', size: 1, inFlight: 1 },
  { name: 'one per call, 4 connections', kind: 'single', size: 1, inFlight: 4 },
  { name: 'one per call, 16 connections', kind: 'single', size: 1, inFlight: 16 },
  { name: 'batches of 1, 1 in flight', kind: 'batch', size: 1, inFlight: 1 },
  { name: 'batches of 1, 16 in flight', kind: 'batch', size: 1, inFlight: 16 },
  { name: 'batches of 64, 1 in flight', kind: 'batch', size: 64, inFlight: 1 },
  { name: 'batches of 64, 2 in flight', kind: 'batch', size: 64, inFlight: 2 },
  { name: 'batches of 256, 1 in flight', kind: 'batch', size: 256, inFlight: 1 },
  { name: 'batches of 256, 2 in flight', kind: 'batch', size: 256, inFlight: 2 },
];

export interface PairClients {
  orm: MikroORM;
  /** Bare connections for what the product does not do itself. */
  pool: pg.Pool;
}

/**
 * Sends pairs until the time is over, and answers how many were carried out. What goes out at once shares no account where there are enough of
 * them: a process keeps the batches that it has in flight apart like that.
 */
export async function runPairs(
  clients: PairClients,
  way: Way,
  accounts: readonly BenchAccount[],
  seconds: number,
): Promise<number> {
  const until = performance.now() + seconds * 1_000;
  let pairs = 0;
  await Promise.all(
    Array.from({ length: way.inFlight }, async (_, lane) => {
      const own = accounts.length > way.inFlight ? accounts.filter((_, at) => at % way.inFlight === lane) : accounts;
      const client = way.kind === 'single' ? await clients.pool.connect() : undefined;
      const holds = clients.orm.em.fork().getRepository(Hold);
      try {
        while (performance.now() < until) {
          if (client) await runSingle(client, own);
          else await runBatch(holds, way.size, own);
          pairs += way.size;
        }
      } finally {
        client?.release();
      }
    }),
  );
  return pairs;
}

async function runBatch(holds: HoldRepository, size: number, accounts: readonly BenchAccount[]): Promise<void> {
  const now = new Date();
  const members = Array.from({ length: size }, () => memberOf(anyOf(accounts), now));
  const held = await holds.reserve(members, now);
  const refused = held.find(({ outcome }) => outcome !== 'held');
  if (refused) throw new Error(`a reservation of the benchmark was refused: ${refused.outcome}`);
  const settledAt = new Date();
  const ended = await holds.settle(
    members.map((member) => settlementOf(member, now)),
    settledAt,
  );
  const undone = ended.find(({ outcome }) => outcome !== 'done');
  if (undone) throw new Error(`a settlement of the benchmark was not done: ${undone.outcome}`);
}

async function runSingle(client: pg.ClientBase, accounts: readonly BenchAccount[]): Promise<void> {
  const now = new Date();
  const m = memberOf(anyOf(accounts), now);
  const l = m.limits;
  const reserved = await client.query<{ outcome: string }>({
    name: 'reserve',
    text: SINGLE_RESERVE,
    values: [
      m.id,
      m.userId,
      m.accessId,
      m.modelId,
      m.modelVersionNo,
      m.amountUcr,
      m.boundTokens,
      m.expiresAt,
      l.concurrentRequests,
      l.requestsPerMinute,
      l.tokensPerMinute,
      l.requestsPerDay,
      l.tokensPerDay,
      l.requestsPerMonth,
      l.tokensPerMonth,
      now,
    ],
  });
  if (reserved.rows[0]?.outcome !== 'held') throw new Error(`refused: ${reserved.rows[0]?.outcome}`);
  const [a] = settlementOf(m, now).attempts as [ChargedAttempt];
  const settled = await client.query<{ outcome: string }>({
    name: 'settle',
    text: SINGLE_SETTLE,
    values: [
      m.id,
      m.userId,
      a.creditsUcr,
      a.id,
      a.subscriptionId,
      a.modelId,
      a.modelVersionNo,
      a.provider,
      a.inputTokens,
      a.outputTokens,
      a.costNusd,
      a.latencyMs,
      '{}',
      new Date(),
    ],
  });
  if (settled.rows[0]?.outcome !== 'done') throw new Error(`not done: ${settled.rows[0]?.outcome}`);
}

function anyOf(accounts: readonly BenchAccount[]): BenchAccount {
  return accounts[Math.floor(Math.random() * accounts.length)]!;
}

function memberOf(account: BenchAccount, now: Date): ReserveMember {
  const amount = 100 + Math.floor(Math.random() * (AMOUNT_UCR_MAX - 100));
  return {
    id: newId(),
    ...account,
    modelId: UNIT_MODEL,
    modelVersionNo: 1,
    amountUcr: BigInt(amount),
    boundTokens: amount,
    expiresAt: new Date(now.getTime() + HOLD_MS),
    limits: LIMITS,
  };
}

/** Most cost less than was held, some more. */
function settlementOf(member: ReserveMember, heldAt: Date): SettleMember {
  const share = Math.random() < 1 / OVER_EVERY ? 1.1 : 0.6 + Math.random() * 0.4;
  const cost = Math.floor(member.boundTokens * share);
  const { id, userId, accessId, modelId, modelVersionNo, amountUcr, boundTokens, expiresAt } = member;
  return {
    id,
    userId,
    state: 'settled',
    attempts: [attemptOf(cost)],
    hold: { accessId, modelId, modelVersionNo, amountUcr, boundTokens, expiresAt, heldAt },
  };
}

function attemptOf(cost: number): ChargedAttempt {
  return {
    id: newId(),
    attemptNo: 1,
    subscriptionId: null,
    modelId: UNIT_MODEL,
    modelVersionNo: 1,
    provider: 'sandbox',
    providerRequestId: null,
    operation: 'chat',
    inputTokens: cost,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    imageCount: 0,
    imageTokens: 0,
    priceBasis: 'standard',
    creditsUcr: BigInt(cost),
    costNusd: 0n,
    usageSource: 'provider',
    outcome: 'completed',
    latencyMs: 800,
    firstTokenMs: null,
    metadata: {},
  };
}
