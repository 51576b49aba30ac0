import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { JobRegistry } from '../../jobs/job-registry.js';
import { WebhookDeliveries } from './webhook-delivery.service.js';

/** Deletes deliveries that ended long ago. */
@Injectable()
export class WebhookCleanup implements OnModuleInit {
  constructor(
    private readonly deliveries: WebhookDeliveries,
    private readonly jobs: JobRegistry,
    private readonly config: Config,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'webhook-cleanup',
      cron: '52 2 * * *',
      run: async () => ({ deleted: await this.deliveries.deleteOld(this.config.webhookDeliveriesDays) }),
    });
  }
}
