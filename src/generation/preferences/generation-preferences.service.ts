import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { FieldError } from '../../common/errors/app-error.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { newId } from '../../common/ids.js';
import { CatalogueService } from '../../models/catalogue.service.js';
import type { GenerationPreferencesBody } from './generation-preferences.dto.js';
import { GenerationPreferences } from './generation-preferences.entity.js';

const WEIGHT_MAX = 10;
/** Far more models than anyone compares. */
const WEIGHTS_MAX = 50;

const NO_PREFERENCES: GenerationPreferencesBody = {
  preferredModels: [],
  mode: 'creative',
  deepThinking: false,
  autoGenerateOnCreate: false,
  modelWeights: {},
};

/** What a user wants of a run that says nothing. */
@Injectable()
export class GenerationPreferencesService {
  constructor(
    private readonly em: EntityManager,
    private readonly catalogue: CatalogueService,
  ) {}

  /** Those of a user who has said nothing are the defaults. */
  async of(userId: string): Promise<GenerationPreferencesBody> {
    const row = await this.em.fork().findOne(GenerationPreferences, { userId });
    if (!row) return NO_PREFERENCES;
    return {
      preferredModels: row.preferredModels,
      mode: row.defaultGenerationMode,
      deepThinking: row.enableDeepThinking,
      autoGenerateOnCreate: row.autoGenerateOnCreate,
      modelWeights: row.modelWeights,
    };
  }

  /** Replaces all of them. @throws InvalidRequestError naming every model that does not exist and every weight that is none */
  async replace(userId: string, wanted: GenerationPreferencesBody, now: Date): Promise<void> {
    const faults = [...this.unknownModels(wanted), ...weightFaults(wanted.modelWeights)];
    if (faults.length > 0) throw InvalidRequestError.of(faults);
    const em = this.em.fork();
    await em.upsert(
      GenerationPreferences,
      {
        id: newId(),
        userId,
        preferredModels: wanted.preferredModels,
        defaultGenerationMode: wanted.mode,
        enableDeepThinking: wanted.deepThinking,
        autoGenerateOnCreate: wanted.autoGenerateOnCreate,
        modelWeights: wanted.modelWeights,
        createdAt: now,
        updatedAt: now,
      },
      { onConflictFields: ['userId'], onConflictExcludeFields: ['id', 'createdAt'] },
    );
  }

  private unknownModels({ preferredModels, modelWeights }: GenerationPreferencesBody): FieldError[] {
    const weighed = Object.keys(modelWeights);
    const named = [
      ...preferredModels.map((id, index) => ({ field: `preferredModels[${index}]`, id })),
      // Of more than there may be, that is all that is told.
      ...(weighed.length > WEIGHTS_MAX ? [] : weighed).map((id) => ({ field: `modelWeights.${id}`, id })),
    ];
    return named
      .filter(({ id }) => this.catalogue.find(id)?.id !== id)
      .map(({ field }) => ({ field, message: 'must be the id of a model, as GET /v1/models lists it' }));
  }
}

function weightFaults(weights: Record<string, unknown>): FieldError[] {
  const entries = Object.entries(weights);
  if (entries.length > WEIGHTS_MAX)
    return [{ field: 'modelWeights', message: `must name at most ${WEIGHTS_MAX} models` }];
  return entries
    .filter(([, weight]) => typeof weight !== 'number' || !(weight >= 0 && weight <= WEIGHT_MAX))
    .map(([id]) => ({ field: `modelWeights.${id}`, message: `must be a number from 0 to ${WEIGHT_MAX}` }));
}
