import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobFailureService } from '../jobs/job-failure.service.js';
import { JobRegistry } from '../jobs/job-registry.js';
import { EXPIRY_NOTICE_JOB, ExpiryNoticeService } from './expiry-notice.service.js';
import { GrantExpiryService } from './grant-expiry.service.js';

/** What leaves the books with time, and who is told before. */
@Injectable()
export class CreditJobs implements OnModuleInit {
  constructor(
    private readonly expiry: GrantExpiryService,
    private readonly notices: ExpiryNoticeService,
    private readonly jobs: JobRegistry,
    private readonly failures: JobFailureService,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'credit-expiry',
      cron: '*/5 * * * *',
      run: async (now, signal) => ({ ...(await this.expiry.expireGrants(now, signal)) }),
    });
    this.jobs.register({
      name: EXPIRY_NOTICE_JOB,
      cron: '17 * * * *',
      run: async (now, signal) => ({ ...(await this.notices.sendNotices(now, signal)) }),
    });
    this.failures.onRetry(EXPIRY_NOTICE_JOB, ({ entityId }, now) => this.notices.sendNotice(entityId, now));
  }
}
