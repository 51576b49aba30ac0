import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Notifications } from '../database/notifications.js';
import { ClockMovesForwardError, ClockTooFarError } from './jobs.errors.js';
import { TestClockRow } from './test-clock.entity.js';

const CHANNEL = 'tollgate_test_clock';
/** A hundred years: beyond them neither partitions nor people have anything to try. */
export const AHEAD_MS_MAX = 36_525 * 24 * 3_600_000;

/**
 * Keeps the product's clock where the database has it, on every replica: read at the start, after each move and after each reconnect.
 * Without the sandbox it does nothing, whatever the database says.
 */
@Injectable()
export class TestClockService implements OnModuleInit {
  private readonly logger = new Logger(TestClockService.name);

  constructor(
    private readonly em: EntityManager,
    private readonly notifications: Notifications,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  async onModuleInit(): Promise<void> {
    if (!this.config.sandbox) return;
    await this.notifications.listen(CHANNEL, () => this.load());
    await this.load();
  }

  /** Follows the database; for a process before its modules are initialised, and for commands. */
  async load(): Promise<void> {
    const row = await this.em.fork().findOneOrFail(TestClockRow, { isOnly: true });
    if (this.config.sandbox) this.clock.moveAhead(Number(row.offsetMs));
    else if (row.offsetMs > 0n)
      this.logger.warn('the test clock of this database was moved; without the sandbox that is ignored');
  }

  /**
   * Moves all replicas to what `target` makes of the current test time.
   * @throws ClockMovesForwardError, ClockTooFarError
   */
  async move(target: (current: Date) => Date | undefined): Promise<Date> {
    await this.em.fork().transactional(async (em) => {
      // The lock makes two moves at once follow each other, on whichever replicas.
      const row = await em.findOneOrFail(TestClockRow, { isOnly: true }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      this.clock.moveAhead(Number(row.offsetMs));
      const current = this.clock.now();
      const next = target(current);
      if (next && next < current) throw new ClockMovesForwardError(next, current);
      const realMs = current.getTime() - this.clock.offsetMs;
      if (!next || next.getTime() - realMs > AHEAD_MS_MAX) throw new ClockTooFarError(new Date(realMs + AHEAD_MS_MAX));
      row.offsetMs = BigInt(next.getTime() - realMs);
      row.updatedAt = new Date(realMs);
    });
    await this.load();
    await this.notifications.notify(CHANNEL);
    return this.clock.now();
  }
}
