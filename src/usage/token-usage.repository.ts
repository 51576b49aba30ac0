import { EntityRepository } from '@mikro-orm/postgresql';
import type { GrantSource } from '../credits/grant.entity.js';
import { TokenUsage } from './token-usage.entity.js';
import type { TimeRange } from './usage-range.js';

export const USAGE_GROUPS = ['day', 'model', 'operation'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

/** More lines than anyone reads; a narrower range or fewer groups give the rest. */
const GROUPS_MAX = 5_000;

export interface UsageSum {
  day: string | null;
  model: string | null;
  operation: string | null;
  requestCount: number;
  inputTokens: bigint;
  cachedInputTokens: bigint;
  outputTokens: bigint;
  imageCount: bigint;
  creditsUcr: bigint;
}

export interface PaidFrom {
  /** Null is the debt. */
  creditId: string | null;
  source: GrantSource | null;
  amountUcr: bigint;
}

export class TokenUsageRepository extends EntityRepository<TokenUsage> {
  /** The charged attempts of one of the user's requests, first to last. */
  async findByRequest(userId: string, requestId: string): Promise<TokenUsage[]> {
    const options = { orderBy: { attemptNo: 'asc' }, disableIdentityMap: true } as const;
    return this.em.fork().find(TokenUsage, { userId, requestId, holdId: requestId }, options);
  }

  /** What paid for a request: its grants, and the debt it made. */
  async findPayments(userId: string, holdId: string, heldAt: Date): Promise<PaidFrom[]> {
    const rows = await this.em.execute<{ credit_id: string | null; source: GrantSource | null; amount: string }[]>(
      `select p.credit_id, c.source, sum(abs(p.amount_ucr))::bigint as amount
       from credit_postings p left join credits c on c.user_id = p.user_id and c.id = p.credit_id
       where p.user_id = ? and p.created_at = ? and p.hold_id = ? and p.kind in ('usage', 'debt')
       group by p.credit_id, c.source, c.priority order by c.priority nulls last, p.credit_id`,
      [userId, heldAt, holdId],
    );
    return rows.map((row) => ({ creditId: row.credit_id, source: row.source, amountUcr: BigInt(row.amount) }));
  }

  /** The meta of a model as it was when `versionNo` was its version. */
  async findVersionMeta(modelId: string, versionNo: number): Promise<unknown> {
    const [row] = await this.em.execute<{ meta: unknown }[]>(
      'select meta from model_versions where model_id = ? and version_no = ?',
      [modelId, versionNo],
    );
    return row?.meta;
  }

  /** Sums of `[from, to)`, by the given groups, latest day first. */
  async sumByUser(userId: string, range: TimeRange, groups: readonly UsageGroup[]): Promise<UsageSum[]> {
    const columns = groups.map((group) => GROUP_COLUMNS[group]);
    const rows = await this.em.execute<Record<string, string | null>[]>(
      `select ${[...columns, SUMS].join(', ')} from token_usage_ledger where user_id = ? and created_at >= ? and created_at < ?
       ${
         groups.length > 0
           ? `group by ${groups.map((_, index) => index + 1).join(', ')}
       order by ${groups.map((group, index) => `${index + 1}${group === 'day' ? ' desc' : ''}`).join(', ')}`
           : ''
       } limit ${GROUPS_MAX}`,
      [userId, range.from, range.to],
    );
    return rows.map((row) => ({
      day: row['day'] ?? null,
      model: row['model'] ?? null,
      operation: row['operation'] ?? null,
      requestCount: Number(row['request_count']),
      inputTokens: BigInt(row['input_tokens'] ?? 0),
      cachedInputTokens: BigInt(row['cached_input_tokens'] ?? 0),
      outputTokens: BigInt(row['output_tokens'] ?? 0),
      imageCount: BigInt(row['image_count'] ?? 0),
      creditsUcr: BigInt(row['credits_ucr'] ?? 0),
    }));
  }
}

const GROUP_COLUMNS: Readonly<Record<UsageGroup, string>> = {
  day: `to_char(created_at at time zone 'UTC', 'YYYY-MM-DD') as day`,
  model: 'model_id as model',
  operation: 'operation::text as operation',
};

const SUMS = `count(distinct hold_id) as request_count, coalesce(sum(input_tokens), 0)::bigint as input_tokens,
  coalesce(sum(cached_input_tokens), 0)::bigint as cached_input_tokens, coalesce(sum(output_tokens), 0)::bigint as output_tokens,
  coalesce(sum(image_count), 0)::bigint as image_count, coalesce(sum(credits_ucr), 0)::bigint as credits_ucr`;
