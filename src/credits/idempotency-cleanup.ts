import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobRegistry } from '../jobs/job-registry.js';
import { StoredAnswers } from './stored-answers.service.js';

/** Deletes the answers that no key has any more. A key is new again after its day, whether or not this has run. */
@Injectable()
export class IdempotencyCleanup implements OnModuleInit {
  constructor(
    private readonly answers: StoredAnswers,
    private readonly jobs: JobRegistry,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'idempotency-cleanup',
      cron: '37 * * * *',
      run: async (now, signal) => ({ deleted: await this.answers.deleteOld(now, signal) }),
    });
  }
}
