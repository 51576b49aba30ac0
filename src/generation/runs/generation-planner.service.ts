import { Injectable } from '@nestjs/common';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import type { BoundChat } from '../../inference/unattended-admission.service.js';
import { type GenerationMode, MODEL_ID_LENGTH_MAX } from '../domain/generation-modes.js';
import { GenerationPreferencesService } from '../preferences/generation-preferences.service.js';
import type { Project } from '../projects/project.entity.js';
import { ProjectService } from '../projects/project.service.js';
import { GenerationPromptService } from '../prompts/generation-prompt.service.js';
import { GenerationBriefs, type RunTerms } from './generation-briefs.service.js';
import type { CreateGenerationRequest } from './generation.dto.js';

/** A brief that every one of its models takes, and what each may cost. */
export interface PlannedRun extends RunTerms {
  /** None for a run that is to get a project of its own. */
  project: Project | null;
  mode: GenerationMode;
  promptVersion: number;
  bounds: BoundChat[];
}

/** Completes a brief from the project and the user's preferences, and puts it to the guards for every model. */
@Injectable()
export class GenerationPlanner {
  constructor(
    private readonly projects: ProjectService,
    private readonly preferences: GenerationPreferencesService,
    private readonly prompts: GenerationPromptService,
    private readonly briefs: GenerationBriefs,
  ) {}

  /** @throws ProjectNotFoundError, InvalidRequestError, and the refusals of a chat with any of the models */
  async plan(asked: CreateGenerationRequest, userId: string): Promise<PlannedRun> {
    const project = asked.projectId ? await this.projects.read(userId, asked.projectId) : null;
    const own = await this.preferences.of(userId);
    const models = asked.models ?? project?.aiPreferences?.models ?? own.preferredModels;
    if (models.length === 0)
      throw fault('name at least one model, or set preferredModels in your generation preferences');
    const mode = asked.mode ?? project?.aiPreferences?.mode ?? own.mode;
    const deepThinking = asked.deepThinking ?? project?.aiPreferences?.deepThinking ?? own.deepThinking;
    const { prompt, version: promptVersion } = await this.prompts.activeOf(mode);
    const terms = { prompt, businessIdea: asked.businessIdea, names: asked.names, deepThinking };
    const bounds: BoundChat[] = [];
    for (const model of models) bounds.push(await this.briefs.admit(model, terms, { userId }));
    assertDifferent(bounds.map(({ chat }) => chat.model.id));
    return { ...terms, project, mode, promptVersion, bounds };
  }
}

/** Two names of one model, or a legacy model beside its successor, would be asked and paid twice. */
function assertDifferent(models: readonly string[]): void {
  const twice = models.find((model, index) => models.indexOf(model) !== index);
  if (twice !== undefined)
    throw fault(`${twice} is named twice, by its id, an alias or the legacy model that it replaces`);
  const long = models.find((model) => model.length > MODEL_ID_LENGTH_MAX);
  if (long !== undefined)
    throw fault(`the id ${long} is too long to be credited; at most ${MODEL_ID_LENGTH_MAX} characters`);
}

function fault(message: string): InvalidRequestError {
  return InvalidRequestError.of([{ field: 'models', message }]);
}
