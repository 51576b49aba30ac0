import { EntityManager } from '@mikro-orm/postgresql';
import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { JobRegistry } from '../jobs/job-registry.js';
import { HoldRepository } from './hold.repository.js';

const SWEEP_INTERVAL_MS = 30_000;
/** Accounts locked at once, and by that how long a sweep may make a user's next request wait. */
const SWEEP_MEMBERS_MAX = 100;
/** How far behind its predecessor a sweep begins: clocks of replicas differ, and so do the times of statements under way. */
const SWEEP_OVERLAP_MS = 3_600_000;

/** Ends holds that outlived their time, so that a crash leaves nothing held. Runs on every replica; they do not meet, because busy accounts are skipped. */
@Injectable()
export class HoldSweeper implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(HoldSweeper.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> = Promise.resolve();
  /** The first sweep of a process looks at all time: its predecessor may have been dead for long. */
  private sweptUntil = new Date(0);

  constructor(
    private readonly em: EntityManager,
    private readonly holds: HoldRepository,
    private readonly clock: Clock,
    private readonly jobs: JobRegistry,
  ) {}

  /** Sweeping has a timer of its own, finer than a schedule's minute; as a job it also follows the test clock and can be asked for. */
  onModuleInit(): void {
    this.jobs.register({
      name: 'sweep-expired-holds',
      cron: '* * * * *',
      run: async (now) => ({ expired: await this.sweep(now) }),
    });
  }

  onApplicationBootstrap(): void {
    const run = (): void => {
      this.running = this.sweep(this.clock.now()).catch((error: unknown) => {
        this.logger.error({ err: error }, 'sweeping expired holds failed');
      });
    };
    run();
    this.timer = setInterval(run, SWEEP_INTERVAL_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** Expires every pending hold whose time is over at `now`. Returns how many; each is logged, because each is a request that never ended. */
  async sweep(now: Date): Promise<number> {
    let swept = 0;
    for (;;) {
      const members = await this.sweepSome(now);
      swept += members;
      if (members < SWEEP_MEMBERS_MAX) break;
    }
    // What was passed by, because its account was busy, is found again however long this process or its clock took to come here.
    const oldest = await this.holds.oldestExpired(this.sweptUntil, now);
    this.sweptUntil = new Date((oldest ?? now).getTime() - SWEEP_OVERLAP_MS);
    return swept;
  }

  private async sweepSome(now: Date): Promise<number> {
    const ended = await this.em.fork().transactional(async () => {
      const expired = await this.holds.lockExpired(this.sweptUntil, now, SWEEP_MEMBERS_MAX);
      if (expired.length === 0) return [];
      const members = expired.map(({ id, userId }) => ({
        id,
        userId,
        state: 'expired' as const,
        attempts: [],
        hold: null,
      }));
      const results = await this.holds.settle(members, now);
      return expired.filter((_, index) => results[index]?.outcome === 'done');
    });
    for (const hold of ended) {
      this.logger.warn(
        {
          requestId: hold.id,
          userId: hold.userId,
          model: hold.modelId,
          heldUcr: hold.amountUcr.toString(),
          heldAt: hold.createdAt,
        },
        'a hold expired: its request neither settled nor voided it',
      );
    }
    return ended.length;
  }
}
