import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Config } from '../../config/config.js';
import { JobRegistry } from '../../jobs/job-registry.js';
import { PeriodicWork } from '../../monitoring/periodic-work.js';
import { WebhookDeliveries } from './webhook-delivery.service.js';

/** How late an endpoint hears of something. Finer than a schedule's minute, so it has a timer of its own. */
const SEND_INTERVAL_MS = 10_000;

/** Sends webhooks, every few seconds and when it is asked to. Apart from all other work, because who is told may keep his teller waiting. */
@Injectable()
export class WebhookDeliveryJob implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(WebhookDeliveryJob.name);
  private readonly work = new PeriodicWork(SEND_INTERVAL_MS, () => this.send());

  constructor(
    private readonly deliveries: WebhookDeliveries,
    private readonly jobs: JobRegistry,
    private readonly config: Config,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'webhook-deliveries',
      cron: '* * * * *',
      run: async () => ({ delivered: await this.deliveries.sendDue() }),
    });
  }

  onApplicationBootstrap(): void {
    if (this.config.runsJobs) this.work.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.work.halt();
  }

  private async send(): Promise<void> {
    try {
      await this.deliveries.sendDue();
    } catch (error) {
      this.logger.error({ err: error }, 'webhooks could not be sent; they are tried again');
    }
  }
}
