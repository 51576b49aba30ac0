import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { formatCredits } from '../../common/domain/micro-credits.js';
import { newId } from '../../common/ids.js';
import { operatorsMessage } from '../../inference/operators-message.js';
import { EventStreams } from '../../jobs/events/event-streams.service.js';
import type { UsageAttempt } from '../../usage/metering.service.js';
import { type PooledName, poolNames } from '../domain/name-pool.js';
import { GenerationPreferencesService } from '../preferences/generation-preferences.service.js';
import { NameSuggestion } from '../projects/name-suggestion.entity.js';
import { type ErrorDetails, Generation, type GenerationStatus, hasEnded } from './generation.entity.js';
import type { GenerationModel } from './generation-model.entity.js';
import type { ChargedModel } from './generation-settlement.service.js';
import { ModelPerformance } from './model-performance.entity.js';

const NO_NAMES = { code: 'no_names', message: 'The model answered, but with nothing that is a name.' };

/** What its column holds, 24 days: a run that nobody ended for longer took at least that. */
const GENERATION_MS_MAX = 2 ** 31 - 1;

/** What a run leaves behind: its names, how its models did, and the last of its events, in one transaction. */
@Injectable()
export class GenerationRecords {
  constructor(
    private readonly em: EntityManager,
    private readonly preferences: GenerationPreferencesService,
    private readonly events: EventStreams,
    private readonly clock: Clock,
  ) {}

  /** Once: a run that has ended is left alone. */
  async store(
    { id, userId }: Generation,
    ended: { models: GenerationModel[]; charged: ChargedModel[]; creditsUcr: bigint },
  ): Promise<void> {
    const now = this.clock.now();
    const { models, charged, creditsUcr } = ended;
    const { modelWeights } = await this.preferences.of(userId);
    const answers = models.map(({ modelId, names }) => ({
      model: modelId,
      names: names ?? [],
      weight: modelWeights[modelId] ?? 1,
    }));
    const pool = poolNames(answers);
    await this.em.fork().transactional(async (em) => {
      const run = await em.findOne(Generation, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!run || hasEnded(run)) return;
      const status = run.cancelRequestedAt ? 'cancelled' : statusOf(models, pool);
      const errorDetails = errorsOf(models);
      em.assign(run, {
        status,
        modelsCompleted: charged.map(({ row }) => row.modelId),
        totalNamesGenerated: pool.length,
        generationTimeMs: Math.min(now.getTime() - run.createdAt.getTime(), GENERATION_MS_MAX),
        errorDetails: Object.keys(errorDetails).length > 0 ? errorDetails : null,
        creditsUcr,
        updatedAt: now,
      });
      await em.flush();
      if (pool.length > 0) await em.insertMany(NameSuggestion, suggestionsOf(run, pool, charged, now));
      await em.insertMany(ModelPerformance, performancesOf(run, models, charged, now));
      const data = {
        status,
        names: pool.length,
        creditsCharged: formatCredits(creditsUcr),
        modelsCompleted: run.modelsCompleted,
      };
      await this.events.append(em, { entityId: id, userId }, { name: 'finished', data, isLast: true }, now);
    });
  }
}

function statusOf(models: readonly GenerationModel[], pool: readonly PooledName[]): GenerationStatus {
  if (models.some(({ state }) => state === 'cancelled')) return 'cancelled';
  return pool.length > 0 ? 'completed' : 'failed';
}

function errorsOf(models: readonly GenerationModel[]): ErrorDetails {
  const errors = models.map(({ modelId, state, names, error }): [string, ErrorDetails[string] | null] => {
    if (state === 'cancelled') return [modelId, error ?? { code: 'cancelled', message: 'The run was cancelled.' }];
    return [modelId, error ?? (names?.length === 0 ? NO_NAMES : null)];
  });
  return Object.fromEntries(errors.filter((entry): entry is [string, ErrorDetails[string]] => entry[1] !== null));
}

function tokensOf({ usage }: UsageAttempt): number {
  return usage.inputTokens + usage.outputTokens;
}

function suggestionsOf(run: Generation, pool: readonly PooledName[], charged: readonly ChargedModel[], now: Date) {
  const byModel = new Map(charged.map((one) => [one.row.modelId, one]));
  // Read newest first, so the best is made last.
  return pool.toReversed().map(({ name, models, score }) => {
    const credited = byModel.get(models[0]!)!;
    const share = BigInt(credited.row.names!.length);
    return {
      id: newId(),
      projectId: run.projectId!,
      name,
      aiModel: credited.row.modelId,
      generationSessionId: run.id,
      score,
      generationMetadata: {
        models,
        mode: run.generationMode,
        promptVersion: run.promptVersion,
        tokensUsed: tokensOf(credited.attempt),
        creditsUcr: String(credited.charge.creditsUcr / share),
        costNusd: String(credited.charge.costNusd / share),
      },
      createdAt: now,
      updatedAt: now,
    };
  });
}

function performancesOf(
  run: Generation,
  models: readonly GenerationModel[],
  charged: readonly ChargedModel[],
  now: Date,
) {
  const byModel = new Map(charged.map((one) => [one.row.modelId, one]));
  const asked = models.filter(({ state }) => state !== 'cancelled');
  return asked.map(({ modelId, names, error, responseTimeMs }) => {
    const paid = byModel.get(modelId);
    const namesGenerated = names?.length ?? 0;
    return {
      id: newId(),
      aiGenerationId: run.id,
      modelName: modelId,
      responseTimeMs: responseTimeMs ?? 0,
      namesGenerated,
      tokensUsed: paid ? tokensOf(paid.attempt) : null,
      successRate: Math.round((namesGenerated / run.namesRequested) * 10_000) / 100,
      errorMessage: error ? operatorsMessage(error.code, error.message) : null,
      creditsUcr: paid?.charge.creditsUcr ?? 0n,
      costNusd: paid?.charge.costNusd ?? 0n,
      createdAt: now,
    };
  });
}
