import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { IdempotencyMismatchError } from '../../credits/credits.errors.js';
import { EventStreams } from '../../jobs/events/event-streams.service.js';
import { WorkQueues } from '../../jobs/queue/work-queues.service.js';
import { createProject } from '../projects/project.service.js';
import { assertRoom } from '../projects/suggestion.service.js';
import type { RunRequest } from './generation-intake.service.js';
import type { PlannedRun } from './generation-planner.service.js';
import { Generation } from './generation.entity.js';
import { GenerationModel } from './generation-model.entity.js';

export const GENERATIONS_QUEUE = 'generations';
/** Of a project that is made for a run: the beginning of the idea. */
const PROJECT_NAME_LENGTH = 60;

/** Runs as they begin: the rows, the job and the first event are one transaction. */
@Injectable()
export class GenerationStarts {
  constructor(
    private readonly em: EntityManager,
    private readonly queues: WorkQueues,
    private readonly events: EventStreams,
    private readonly clock: Clock,
  ) {}

  /** What the same key began before, if anything. @throws IdempotencyMismatchError */
  async begunBefore({ key, principal }: Pick<RunRequest, 'principal' | 'key'>): Promise<Generation | null> {
    if (!key) return null;
    const run = await this.em.fork().findOne(Generation, { userId: principal.userId, idempotencyKey: key.value });
    if (run && !key.requestHash.equals(run.requestHash ?? Buffer.alloc(0))) throw new IdempotencyMismatchError();
    return run;
  }

  /** @throws ProjectNotFoundError, ProjectLimitReachedError, SuggestionLimitReachedError, and a violation of the key where it came twice at once */
  store({ requestId: id, principal, asked, key }: RunRequest, run: PlannedRun): Promise<Generation> {
    const now = this.clock.now();
    const { userId } = principal;
    return this.em.fork().transactional(async (em) => {
      const projectId = run.project?.id ?? (await projectFor(em, userId, asked.businessIdea, now));
      await assertRoom(em, projectId, run.names * run.bounds.length);
      const models = run.bounds.map(({ chat }) => chat.model);
      const generation = em.create(Generation, {
        id,
        userId,
        projectId,
        businessIdea: run.businessIdea,
        generationMode: run.mode,
        deepThinking: run.deepThinking,
        modelsRequested: models.map((model) => model.id),
        modelsCompleted: [],
        namesRequested: run.names,
        promptVersion: run.promptVersion,
        creditsUcr: 0n,
        idempotencyKey: key?.value ?? null,
        requestHash: key?.requestHash ?? null,
        createdAt: now,
        updatedAt: now,
      });
      await em.persist(generation).flush();
      const rows = models.map(({ id: modelId, versionNo: modelVersionNo }, index) => ({
        generationId: id,
        modelId,
        modelVersionNo,
        position: index + 1,
        state: 'waiting' as const,
        createdAt: now,
        updatedAt: now,
      }));
      await em.insertMany(GenerationModel, rows);
      await em.execute('update projects set last_generation_at = ?, updated_at = ? where id = ?', [
        now,
        now,
        projectId,
      ]);
      const data = { models: generation.modelsRequested };
      await this.events.append(em, { entityId: id, userId }, { name: 'queued', data }, now);
      await this.queues.send(em, GENERATIONS_QUEUE, { id }, { group: userId });
      return generation;
    });
  }
}

/** A project of its own for a run that names none. */
async function projectFor(em: EntityManager, userId: string, idea: string, now: Date): Promise<string> {
  const name = idea.trim().slice(0, PROJECT_NAME_LENGTH).toWellFormed();
  return (await createProject(em, userId, { name, description: idea }, now)).id;
}
