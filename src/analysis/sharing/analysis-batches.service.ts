import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors/app-error.js';
import type { ModelAnswer } from '../analysis.entity.js';
import { AnalysisAsker, type FirstAnswer } from '../attempts/analysis-asker.service.js';
import { consequenceOf } from '../attempts/analysis-failure.js';
import type { AnalysisOrder } from '../holds/analysis-holds.service.js';
import { BatchAsker } from './batch-asker.service.js';

/** How long one that could share a call waits for company: little beside a model's answer. */
const GATHER_MS = 200;
/** A page: longer texts would keep the others waiting, and gain nothing from sharing the prompt. */
const TEXT_LENGTH_MAX = 4_000;

interface Gathering {
  orders: AnalysisOrder[];
  /** By place; null where each is to be asked for alone. */
  answers: Promise<FirstAnswer[] | null>;
  close: () => void;
}

/**
 * Lets small analyses that this process has under way at once, and that differ only in their text, share a call. Each remains an attempt of its
 * own, with its own row, hold and job: whatever becomes of the others, or of this process, it ends as if it had been alone.
 */
@Injectable()
export class AnalysisBatches {
  gatherMs = GATHER_MS;
  private readonly gatherings = new Map<string, Gathering>();

  constructor(
    private readonly asker: AnalysisAsker,
    private readonly batchAsker: BatchAsker,
  ) {}

  /** As `AnalysisAsker.ask`, with the share of a call in place of the call where it was shared. */
  async ask(order: AnalysisOrder): Promise<ModelAnswer> {
    const first = mayShare(order) ? await this.gathered(order) : null;
    if (!first) return this.asker.ask(order);
    return { ...(await this.asker.orRepaired(order, first)), source: 'batch' };
  }

  private async gathered(order: AnalysisOrder): Promise<FirstAnswer | null> {
    const key = keyOf(order);
    const gathering = this.gatherings.get(key) ?? this.open(key);
    const place = gathering.orders.push(order) - 1;
    if (gathering.orders.length >= order.kind.batchSize) gathering.close();
    return (await gathering.answers)?.[place] ?? null;
  }

  private open(key: string): Gathering {
    const orders: AnalysisOrder[] = [];
    let close = (): void => undefined;
    const closed = new Promise<void>((resolve) => {
      close = () => {
        clearTimeout(timer);
        if (this.gatherings.get(key) === gathering) this.gatherings.delete(key);
        resolve();
      };
    });
    const gathering: Gathering = { orders, answers: closed.then(() => this.askTogether(orders)), close };
    this.gatherings.set(key, gathering);
    const timer = setTimeout(close, this.gatherMs);
    return gathering;
  }

  private async askTogether(orders: readonly AnalysisOrder[]): Promise<FirstAnswer[] | null> {
    if (orders.length === 1) return null;
    try {
      return await this.batchAsker.ask(orders);
    } catch (error) {
      // One text may be what the model refuses: the others shall not fail with it.
      if (error instanceof AppError && ['fail', 'fall_back'].includes(consequenceOf(error))) return null;
      throw error;
    }
  }
}

function mayShare({ kind, text }: AnalysisOrder): boolean {
  return kind.batchSize > 1 && text.length <= TEXT_LENGTH_MAX;
}

/** One user's alone: nobody's text is ever beside another's. */
function keyOf({ userId, kind, modelId, versionNo }: AnalysisOrder): string {
  return JSON.stringify([userId, kind.kind, kind.version, modelId, versionNo]);
}
