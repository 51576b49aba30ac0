import { Injectable } from '@nestjs/common';
import { isOutcomeUnknown } from '../../common/errors/passing-failure.js';
import { giveBack } from '../../inference/open-hold.js';
import { UnattendedAdmission } from '../../inference/unattended-admission.service.js';
import { MeteringService } from '../../usage/metering.service.js';
import { isOfBound } from '../../usage/reserve-refusal.js';
import type { RunRequest } from './generation-intake.service.js';
import type { PlannedRun } from './generation-planner.service.js';

/** A run may wait this long for a worker; one that begins extends its hold again. */
export const HOLD_TTL_MS = 1_800_000;

/** The one hold of a run, for all its models together. */
@Injectable()
export class GenerationHolds {
  constructor(
    private readonly admission: UnattendedAdmission,
    private readonly metering: MeteringService,
  ) {}

  /** Holds by bytes, or by counted tokens where the balance or a limit of tokens does not cover those. @throws the refusals of `reserve` */
  async open(request: RunRequest, { bounds }: PlannedRun): Promise<void> {
    try {
      await this.reserve(request, bounds);
    } catch (error) {
      if (!isOfBound(error)) throw error;
      const counted = await Promise.all(bounds.map((bound) => this.admission.recount(bound)));
      if (counted.every((bound) => bound === null)) throw error;
      await this.reserve(
        request,
        bounds.map((bound, index) => counted[index] ?? bound),
      );
    }
  }

  /** Gives it back whole: the run did not begin. Never rejects. */
  giveBack({ requestId, principal }: RunRequest): Promise<void> {
    return giveBack(this.metering, { requestId, userId: principal.userId }, 'not_begun');
  }

  /** Lets it live on while the run is under way. False for one that has ended. */
  extend(requestId: string, userId: string): Promise<boolean> {
    return this.metering.extend(requestId, userId, HOLD_TTL_MS);
  }

  private async reserve({ requestId, principal }: RunRequest, bounds: PlannedRun['bounds']): Promise<void> {
    const { model, tier } = bounds[0]!.chat;
    const { userId, accessId } = principal;
    try {
      await this.metering.reserve({
        requestId,
        userId,
        accessId,
        tier,
        // A hold names one model; the prices of the others are pinned by the rows of the run.
        model,
        amountUcr: bounds.reduce((sum, { plan }) => sum + plan.amountUcr, 0n),
        boundTokens: bounds.reduce((sum, { plan }) => sum + plan.inputTokens + plan.outputTokens, 0),
        ttlMs: HOLD_TTL_MS,
      });
    } catch (error) {
      // The connection broke after the hold may have been taken: the caller gets no answer, so nothing may stay held.
      if (isOutcomeUnknown(error)) void giveBack(this.metering, { requestId, userId }, 'outcome unknown');
      throw error;
    }
  }
}
