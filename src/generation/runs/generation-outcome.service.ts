import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Generation, hasEnded } from './generation.entity.js';
import { GenerationModel } from './generation-model.entity.js';
import { GenerationRecords } from './generation-records.service.js';
import { GenerationSettlement } from './generation-settlement.service.js';

/** Ends runs: charges every model that answered out of the one hold, gives back the rest, and stores the names. */
@Injectable()
export class GenerationOutcome {
  constructor(
    private readonly em: EntityManager,
    private readonly settlement: GenerationSettlement,
    private readonly records: GenerationRecords,
  ) {}

  /**
   * Ends a run of which no model is waited for. Safe to repeat and from several processes at once: a hold is settled once, and a row that has
   * ended is left alone, and one that was erased with its owner is gone.
   */
  async finish(id: string): Promise<void> {
    const em = this.em.fork();
    const run = await em.findOne(Generation, { id });
    if (!run || hasEnded(run)) return;
    const models = await em.find(GenerationModel, { generationId: id }, { orderBy: { position: 'asc' } });
    if (models.some(({ state }) => state === 'waiting')) return;
    await this.records.store(run, { models, ...(await this.settlement.end(run, models)) });
  }
}
