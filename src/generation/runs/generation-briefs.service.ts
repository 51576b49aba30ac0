import { Injectable } from '@nestjs/common';
import { type BoundChat, UnattendedAdmission } from '../../inference/unattended-admission.service.js';
import { CatalogueService } from '../../models/catalogue.service.js';
import type { CatalogueModel } from '../../models/domain/catalogue-model.js';
import { ModelNotFoundError } from '../../models/models.errors.js';
import { type Brief, briefChat } from '../domain/brief.js';

/** What every model of a run is asked. */
export interface RunTerms {
  prompt: string;
  businessIdea: string;
  names: number;
  deepThinking: boolean;
}

/** Puts the brief of a run to each of its models, through the guards of every chat. */
@Injectable()
export class GenerationBriefs {
  constructor(
    private readonly catalogue: CatalogueService,
    private readonly admission: UnattendedAdmission,
  ) {}

  /** @throws ModelNotFoundError and every other refusal of a chat; `versionNo` prices it as when its hold was taken */
  async admit(modelId: string, terms: RunTerms, caller: { userId: string; versionNo?: number }): Promise<BoundChat> {
    const model = this.catalogue.find(modelId);
    if (!model) throw ModelNotFoundError.of(modelId);
    const body = briefChat({ model: model.id, ...terms, offers: offersOf(model) });
    return this.admission.admit(body, caller.userId, { versionNo: caller.versionNo });
  }
}

/** Where the constraints say nothing, a model that takes schemas of functions takes one of its answer, too. */
function offersOf({ meta }: CatalogueModel): Brief['offers'] {
  const { parameterConstraints: constraints, capabilities, maxOutputTokens } = meta;
  return {
    outputLimit: constraints?.max_completion_tokens?.supported ? 'max_completion_tokens' : 'max_tokens',
    outputTokensMax: maxOutputTokens,
    responseFormat: constraints?.response_format?.supported ?? capabilities.includes('function_calling'),
    reasoningEffort: constraints?.reasoning_effort?.supported ?? false,
  };
}
