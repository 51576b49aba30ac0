import { createHash } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Analysis, type AnalysisCharge, type ModelAnswer } from '../analysis.entity.js';
import type { AnalysisOrder } from '../holds/analysis-holds.service.js';
import type { AnalysisKind } from '../kinds/analysis-kind.entity.js';

const SECOND_MS = 1_000;
/** In the ledger, in the place of a provider: nobody was asked. */
const CACHE_PROVIDER = 'cache';

/**
 * Gives answers again, free of charge, to requests that are the same in everything that an answer depends on. The analyses are the cache: no
 * answer is kept anywhere, or for longer, than its owner's own analyses are.
 */
@Injectable()
export class AnswerCache {
  constructor(private readonly em: EntityManager) {}

  /** What a model answered to the same request of the same user within the time of its kind; null where none did. */
  async find(analysis: Analysis, kind: AnalysisKind, now: Date): Promise<ModelAnswer | null> {
    const { userId, requestHash, modelId } = analysis;
    if (!requestHash || !modelId) return null;
    const known = await this.em.fork().findOne(
      Analysis,
      {
        userId,
        requestHash,
        modelType: modelId,
        status: 'completed',
        // The time counts from what a model said, not from what was said again.
        cachingUsed: false,
        completedAt: { $gt: new Date(now.getTime() - kind.cacheSeconds * SECOND_MS) },
        $or: [{ fallbackUsed: false }, { upgradedFromFallback: true }],
      },
      { orderBy: { completedAt: 'desc' } },
    );
    if (!known?.result) return null;
    return { source: 'cache', charges: [freeCharge(analysis, known.id)], result: known.result, reason: null };
  }
}

/** By which two requests of one user are the same; null where answers of the kind are not given again. */
export function requestHashOf({ kind, modelId, text }: AnalysisOrder, modelVersionNo: number): Buffer | null {
  if (kind.cacheSeconds === 0) return null;
  return createHash('sha256')
    .update(JSON.stringify([kind.kind, kind.version, modelId, modelVersionNo, text]))
    .digest();
}

/** A line of the ledger that says why nothing was charged. */
function freeCharge({ modelId, modelVersionNo, kind, analysisVersion }: Analysis, cachedFrom: string): AnalysisCharge {
  if (!modelId || !modelVersionNo) throw new Error('an analysis without a model is answered');
  return {
    attemptNo: 1,
    modelId,
    modelVersionNo,
    provider: CACHE_PROVIDER,
    providerRequestId: null,
    operation: 'analysis',
    usage: {
      inputTokens: 0,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 0,
      reasoningTokens: 0,
      imageCount: 0,
      source: 'provider',
    },
    outcome: 'completed',
    latencyMs: 0,
    firstTokenMs: null,
    metadata: { kind, kindVersion: analysisVersion, cachedFrom },
  };
}
