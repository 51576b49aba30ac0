import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { Analysis } from '../analysis.entity.js';
import { AnalysisKinds } from '../kinds/analysis-kinds.service.js';
import { AnalysisHolds, type HeldAnalysis } from './analysis-holds.service.js';

/** New holds for analyses that gave theirs back. */
@Injectable()
export class AnalysisRenewals {
  constructor(
    private readonly kinds: AnalysisKinds,
    private readonly holds: AnalysisHolds,
  ) {}

  /** For work that begins now, or `isWaiting` for its turn. Under the access that the analysis came with, at today's price. @throws every refusal of a chat and of `reserve` */
  async hold(
    { id: analysisId, userId, accessId, kind, analysisVersion, modelId, input }: Analysis,
    { isWaiting }: { isWaiting: boolean },
  ): Promise<HeldAnalysis> {
    if (!accessId || !modelId) throw new Error('an imported analysis is asked again');
    const asked = await this.kinds.version(kind, analysisVersion);
    return this.holds.hold({
      analysisId,
      requestId: newId(),
      userId,
      accessId,
      kind: asked,
      modelId,
      text: input.text,
      isWaiting,
    });
  }

  keepUntil(held: HeldAnalysis, until: Date): Promise<void> {
    return this.holds.keepUntil(held, until);
  }

  giveBack(held: HeldAnalysis): Promise<void> {
    return this.holds.giveBack(held, 'somebody else has the analysis');
  }
}
