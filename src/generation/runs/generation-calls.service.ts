import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors/app-error.js';
import { OverloadedError } from '../../common/errors/common.errors.js';
import { UnattendedChat } from '../../inference/unattended-chat.service.js';
import { generatedTexts } from '../../inference/wire/chat-answer.js';
import { readNames } from '../domain/name-list.js';
import { GenerationCancelledError } from '../generation.errors.js';
import { GenerationPromptService } from '../prompts/generation-prompt.service.js';
import { GenerationBriefs, type RunTerms } from './generation-briefs.service.js';
import { storedAttempt } from './generation-settlement.service.js';
import type { Generation } from './generation.entity.js';
import type { GenerationModel, ModelEnd } from './generation-model.entity.js';

/** Asks one model of a run, and reads names out of what it answers. */
@Injectable()
export class GenerationCalls {
  constructor(
    private readonly briefs: GenerationBriefs,
    private readonly prompts: GenerationPromptService,
    private readonly chats: UnattendedChat,
  ) {}

  /** What every model of the run is asked: the prompt is the version that it began with. */
  async termsOf(run: Generation): Promise<RunTerms> {
    const { prompt } = await this.prompts.read(run.generationMode, run.promptVersion);
    const { businessIdea, namesRequested: names, deepThinking } = run;
    return { prompt, businessIdea, names, deepThinking };
  }

  /**
   * How the model ended; `signal` aborts when the run is called off.
   * @throws OverloadedError where the process stops before it has, and whatever is broken here
   */
  async ask(
    run: Generation,
    { modelId, modelVersionNo, position }: GenerationModel,
    { terms, signal }: { terms: RunTerms; signal: AbortSignal },
  ): Promise<ModelEnd> {
    const began = performance.now();
    const responseTimeMs = () => Math.round(performance.now() - began);
    // Whose token it was has been checked with the hold; it may be gone by now.
    const caller = { requestId: run.id, userId: run.userId, accessId: run.id };
    try {
      const bound = await this.briefs.admit(modelId, terms, { userId: run.userId, versionNo: modelVersionNo });
      const { completion, attempt } = await this.chats.ask(bound, caller, signal);
      const text = generatedTexts(completion.choices.slice(0, 1)).join('\n');
      return {
        state: 'answered',
        names: readNames(text, terms.names),
        attempt: storedAttempt({
          ...attempt,
          attemptNo: position,
          operation: 'generation',
          ...(signal.aborted && { outcome: 'client_aborted' as const }),
        }),
        responseTimeMs: responseTimeMs(),
      };
    } catch (error) {
      // This process stops, or something is broken: the run is taken up again, and this model is asked then.
      if (!(error instanceof AppError) || error instanceof OverloadedError) throw error;
      if (error instanceof GenerationCancelledError) return { state: 'cancelled', responseTimeMs: responseTimeMs() };
      const { code, message } = error;
      return { state: 'failed', error: { code, message }, responseTimeMs: responseTimeMs() };
    }
  }
}
