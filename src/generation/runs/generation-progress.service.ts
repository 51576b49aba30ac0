import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { EventStreams } from '../../jobs/events/event-streams.service.js';
import { Generation, hasEnded } from './generation.entity.js';
import { GenerationModel, type ModelEnd } from './generation-model.entity.js';

/** How far a run is, in its rows and its events. */
@Injectable()
export class GenerationProgress {
  constructor(
    private readonly em: EntityManager,
    private readonly events: EventStreams,
    private readonly clock: Clock,
  ) {}

  /** Counts one more worker that takes it up. Null for a run that has ended, or is gone. */
  takeUp(id: string): Promise<Generation | null> {
    const now = this.clock.now();
    return this.em.fork().transactional(async (em) => {
      const run = await em.findOne(Generation, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!run || hasEnded(run)) return null;
      const isFirst = run.runNo === 0;
      em.assign(run, { status: 'processing', runNo: run.runNo + 1, updatedAt: now });
      await em.flush();
      if (isFirst) await this.events.append(em, { entityId: id, userId: run.userId }, { name: 'started' }, now);
      return run;
    });
  }

  waiting(generationId: string): Promise<GenerationModel[]> {
    return this.em.fork().find(GenerationModel, { generationId, state: 'waiting' }, { orderBy: { position: 'asc' } });
  }

  /** Whether anybody wants its models' answers still: neither once it is called off or has ended, nor once it is gone. */
  async isWanted(id: string): Promise<boolean> {
    const wanted = await this.em.fork().execute<unknown[]>(
      `select 1 from ai_generations g join ai_generation_models m on m.generation_id = g.id
        where g.id = ? and g.cancel_requested_at is null and m.state = 'waiting' limit 1`,
      [id],
    );
    return wanted.length > 0;
  }

  /** Stores how a model ended, once: who comes later, from another process or after a cancellation, changes nothing. */
  async end({ id, userId }: Generation, modelId: string, end: ModelEnd): Promise<void> {
    const now = this.clock.now();
    await this.em.fork().transactional(async (em) => {
      const isThere = await em.findOne(Generation, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE, fields: ['id'] });
      if (!isThere) return;
      const where = { generationId: id, modelId, state: 'waiting' as const };
      if ((await em.nativeUpdate(GenerationModel, where, { ...end, updatedAt: now })) === 0) return;
      const { state, names, error } = end;
      const data = { model: modelId, state, names: names?.length ?? 0, ...(error && { error }) };
      await this.events.append(em, { entityId: id, userId }, { name: 'model', data }, now);
    });
  }
}
