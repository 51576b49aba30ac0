import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../common/errors/common.errors.js';
import { isUuid } from '../common/ids.js';
import { StoredModelMeta, type ModelMeta } from '../models/domain/model-meta.js';
import { modelPrices, type PartRates } from '../models/domain/model-prices.js';
import type { TokenUsage } from './token-usage.entity.js';
import { type PaidFrom, TokenUsageRepository } from './token-usage.repository.js';

export interface Receipt {
  /** First to last; the last one answered. */
  attempts: { row: TokenUsage; rates: PartRates | null }[];
  payments: PaidFrom[];
}

/** What users read of their usage. */
@Injectable()
export class UsageService {
  constructor(private readonly usage: TokenUsageRepository) {}

  /**
   * The receipt of one of the user's own requests.
   * @throws NotFoundError for a request that was never charged, is not there, or is another user's: all the same to the caller.
   */
  async receipt(userId: string, requestId: string): Promise<Receipt> {
    const rows = isUuid(requestId) ? await this.usage.findByRequest(userId, requestId) : [];
    const [first] = rows;
    if (!first) throw new NotFoundError('You have no charged request of this id.');
    const attempts = await Promise.all(rows.map(async (row) => ({ row, rates: await this.ratesOf(row) })));
    return { attempts, payments: await this.usage.findPayments(userId, first.holdId, first.createdAt) };
  }

  /** The rates of the price version that the row was charged at. */
  private async ratesOf(row: TokenUsage): Promise<PartRates | null> {
    const meta = StoredModelMeta.safeParse(await this.usage.findVersionMeta(row.modelId, row.modelVersionNo));
    const prices = meta.success ? modelPrices(meta.data as ModelMeta) : null;
    const basis = row.priceBasis === 'long_context' ? prices?.longContext : prices?.standard;
    return basis?.creditsUcr ?? null;
  }
}
