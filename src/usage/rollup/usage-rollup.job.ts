import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { Config } from '../../config/config.js';
import { JobRegistry } from '../../jobs/job-registry.js';
import { UsageUpdate } from './usage-update.service.js';

/** How far reports and budgets are behind. Finer than a schedule's minute, so it has a timer of its own. */
const ROLLUP_INTERVAL_MS = 10_000;

/** Rolls the ledger up and compares it with the budgets, every few seconds; as a job it also follows the test clock and can be asked for. */
@Injectable()
export class UsageRollupJob implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(UsageRollupJob.name);
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly update: UsageUpdate,
    private readonly jobs: JobRegistry,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'usage-rollup',
      cron: '* * * * *',
      run: (now, signal) => this.update.run(now, signal),
    });
  }

  onApplicationBootstrap(): void {
    if (!this.config.runsJobs) return;
    this.timer = setInterval(() => {
      this.running ??= this.tick().finally(() => (this.running = undefined));
    }, ROLLUP_INTERVAL_MS);
    this.timer.unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort(new Error('the process is stopping'));
    await this.running;
  }

  private async tick(): Promise<void> {
    try {
      await this.update.run(this.clock.now(), this.stopping.signal);
    } catch (error) {
      if (!this.stopping.signal.aborted)
        this.logger.error(
          { err: error },
          'rolling up the usage or comparing it with budgets failed; it is tried again',
        );
    }
  }
}
