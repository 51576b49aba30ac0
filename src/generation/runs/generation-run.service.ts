import { Injectable } from '@nestjs/common';
import { GenerationCancelledError } from '../generation.errors.js';
import { GenerationCalls } from './generation-calls.service.js';
import { GenerationHolds } from './generation-holds.service.js';
import { GenerationOutcome } from './generation-outcome.service.js';
import { GenerationProgress } from './generation-progress.service.js';
import type { Generation, ModelError } from './generation.entity.js';
import type { GenerationModel, ModelEnd } from './generation-model.entity.js';

/** How soon it is noticed that nobody wants the answers any more, in whichever process the run is. */
const LOOK_MS = 500;
/** A run whose workers keep dying is given up: what they had by then is charged, the rest released. */
const TAKEN_UP_MAX = 5;

const GIVEN_UP: ModelError = { code: 'run_given_up', message: 'The run was begun too often and never ended.' };
const HOLD_OVER: ModelError = {
  code: 'hold_expired',
  message: 'The run waited too long; its credits were given back.',
};

/** Asks the models of a run, all at once. What one answered is stored the moment it is there: who takes the run up again does not ask it again. */
@Injectable()
export class GenerationRun {
  constructor(
    private readonly progress: GenerationProgress,
    private readonly holds: GenerationHolds,
    private readonly calls: GenerationCalls,
    private readonly outcome: GenerationOutcome,
  ) {}

  /** @throws OverloadedError where the process stops before every model has ended: the run is taken up again */
  async toItsEnd(id: string): Promise<void> {
    const run = await this.progress.takeUp(id);
    if (!run) return;
    const waiting = await this.progress.waiting(id);
    const unasked = await this.unasked(run);
    if (!unasked) await this.askAll(run, waiting);
    else for (const { modelId } of waiting) await this.progress.end(run, modelId, unasked);
    await this.outcome.finish(id);
  }

  /** How its models end where none may be asked any more; null where they may. */
  private async unasked({ id, userId, runNo, cancelRequestedAt }: Generation): Promise<ModelEnd | null> {
    // A worker that died has left it: what it was asking is lost with it, and is not asked again.
    if (cancelRequestedAt) return { state: 'cancelled' };
    if (runNo > TAKEN_UP_MAX) return { state: 'failed', error: GIVEN_UP };
    return (await this.holds.extend(id, userId)) ? null : { state: 'failed', error: HOLD_OVER };
  }

  private async askAll(run: Generation, waiting: readonly GenerationModel[]): Promise<void> {
    const terms = await this.calls.termsOf(run);
    const cancelling = new AbortController();
    const look = setInterval(() => void this.stopIfUnwanted(run.id, cancelling), LOOK_MS);
    try {
      const { signal } = cancelling;
      const ask = async (model: GenerationModel): Promise<void> =>
        this.progress.end(run, model.modelId, await this.calls.ask(run, model, { terms, signal }));
      const ends = await Promise.allSettled(waiting.map(ask));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    } finally {
      clearInterval(look);
    }
  }

  /** Called off, ended by another process, or erased with its owner: no more is asked. A call under way ends as its provider's policy says. */
  private async stopIfUnwanted(id: string, cancelling: AbortController): Promise<void> {
    const isWanted = await this.progress.isWanted(id).catch(() => true);
    if (!isWanted) cancelling.abort(new GenerationCancelledError());
  }
}
