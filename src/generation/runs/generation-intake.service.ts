import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors/app-error.js';
import { isOutcomeUnknown } from '../../common/errors/passing-failure.js';
import type { Principal } from '../../common/http/principal.js';
import type { ClientKey } from './client-key.js';
import { GenerationHolds } from './generation-holds.service.js';
import { GenerationPlanner } from './generation-planner.service.js';
import { GenerationStarts } from './generation-starts.service.js';
import type { CreateGenerationRequest } from './generation.dto.js';
import type { Generation } from './generation.entity.js';

export interface RunRequest {
  /** The id of the run, of its hold and of its receipt. */
  requestId: string;
  principal: Principal;
  asked: CreateGenerationRequest;
  key?: ClientKey;
}

/** Takes a brief: every guard for every model, one hold for all of them, and a job. A refusal leaves nothing behind. */
@Injectable()
export class GenerationIntake {
  constructor(
    private readonly planner: GenerationPlanner,
    private readonly holds: GenerationHolds,
    private readonly starts: GenerationStarts,
  ) {}

  /**
   * The run that was begun, or the one that the same key began before.
   * @throws ProjectNotFoundError, InvalidRequestError, the refusals of a chat, those of `reserve`, SuggestionLimitReachedError,
   * IdempotencyMismatchError
   */
  async begin(request: RunRequest): Promise<{ run: Generation; isReplay: boolean }> {
    const before = await this.starts.begunBefore(request);
    if (before) return { run: before, isReplay: true };
    try {
      return { run: await this.beginAnew(request), isReplay: false };
    } catch (error) {
      // The same key came twice at once: the other one was first, and may hold what this one is refused for.
      const mayBeSecond = error instanceof AppError || error instanceof UniqueConstraintViolationException;
      const winner = mayBeSecond ? await this.starts.begunBefore(request) : null;
      if (!winner) throw error;
      return { run: winner, isReplay: true };
    }
  }

  private async beginAnew(request: RunRequest): Promise<Generation> {
    const planned = await this.planner.plan(request.asked, request.principal.userId);
    await this.holds.open(request, planned);
    try {
      return await this.starts.store(request, planned);
    } catch (error) {
      // Where the connection broke it may have begun all the same, and is charged then: otherwise its hold is over by itself.
      if (!isOutcomeUnknown(error)) await this.holds.giveBack(request);
      throw error;
    }
  }
}
