import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobRegistry, type JobSummary } from '../../jobs/job-registry.js';
import { WorkQueues } from '../../jobs/queue/work-queues.service.js';
import { Generation } from './generation.entity.js';
import { GENERATIONS_QUEUE } from './generation-starts.service.js';

/** Longer than a worker that lives leaves its run alone. */
const UNTOUCHED_MS = 20 * 60_000;
/** What did not end in that time is for retention to end: whoever takes it up fails at it. */
const GIVEN_UP_AFTER_MS = 86_400_000;
/** Of one run of the job. */
const ROWS_MAX = 500;

/** Has runs ended whose job is gone, as after a backup without the queue: by a worker, which is told whether their credits are still held. */
@Injectable()
export class GenerationSweep implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly jobs: JobRegistry,
    private readonly queues: WorkQueues,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: 'sweep-generations', cron: '*/5 * * * *', run: (now) => this.run(now) });
  }

  private async run(now: Date): Promise<JobSummary> {
    const em = this.em.fork();
    const ago = (ms: number) => new Date(now.getTime() - ms);
    const left = await em.find(
      Generation,
      {
        status: { $in: ['pending', 'processing'] },
        updatedAt: { $lt: ago(UNTOUCHED_MS) },
        createdAt: { $gt: ago(GIVEN_UP_AFTER_MS) },
      },
      { fields: ['id', 'userId'], limit: ROWS_MAX, orderBy: { id: 'asc' } },
    );
    const known = await this.queues.having(
      em,
      [GENERATIONS_QUEUE],
      left.map(({ id }) => id),
    );
    const lost = left.filter(({ id }) => !known.has(id));
    for (const { id, userId } of lost) await this.queues.send(em, GENERATIONS_QUEUE, { id }, { group: userId });
    return { sent: lost.length };
  }
}
