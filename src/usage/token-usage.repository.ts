import { type EntityDictionary, EntityRepository } from '@mikro-orm/postgresql';
import type { GrantSource } from '../credits/grant.entity.js';
import { TokenUsage } from './token-usage.entity.js';

export interface PaidFrom {
  /** Null is the debt. */
  creditId: string | null;
  source: GrantSource | null;
  amountUcr: bigint;
}

export class TokenUsageRepository extends EntityRepository<TokenUsage> {
  /** The charged attempts of one of the user's requests, first to last. */
  async findByRequest(userId: string, requestId: string): Promise<TokenUsage[]> {
    const em = this.em.fork();
    const rows = await em.execute<EntityDictionary<TokenUsage>[]>(
      'select * from token_usage_ledger_all where user_id = ? and request_id = ? and hold_id = ? order by attempt_no',
      [userId, requestId, requestId],
    );
    return rows.map((row) => em.map(TokenUsage, row));
  }

  /** What paid for a request: its grants, and the debt it made. */
  async findPayments(userId: string, holdId: string, heldAt: Date): Promise<PaidFrom[]> {
    const rows = await this.em.execute<{ credit_id: string | null; source: GrantSource | null; amount: string }[]>(
      `select p.credit_id, c.source, sum(abs(p.amount_ucr))::bigint as amount
       from credit_postings_all p left join credits c on c.user_id = p.user_id and c.id = p.credit_id
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
}
