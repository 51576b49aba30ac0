import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { Notifications } from '../../database/notifications.js';
import { BudgetExceededError } from '../usage.errors.js';
import type { BudgetScope } from '../budget.entity.js';

export const HARD_STOPS_CHANNEL = 'tollgate_hard_stops';
/** How late a replica may learn of a stop whose notification it missed. With the rollup's ten seconds that is within fifteen. */
const REFRESH_MS = 5_000;

/** Who asks for what. */
export interface StoppedRequest {
  user: string;
  tier: string;
  model: string;
}

/** The budgets that stop requests, as this process was told: a request looks into its memory and asks nobody. */
@Injectable()
export class HardStops implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(HardStops.name);
  /** By scope and key: until when. */
  private stops: ReadonlyMap<string, Date> = new Map();
  private timer: NodeJS.Timeout | undefined;
  private reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly em: EntityManager,
    private readonly notifications: Notifications,
    private readonly clock: Clock,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const read = (): void => void (this.reading = this.reading.then(() => this.refresh()));
    await this.notifications.listen(HARD_STOPS_CHANNEL, read);
    await this.refresh();
    this.timer = setInterval(read, REFRESH_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.reading;
  }

  /** Why no request of this kind is taken now, or null. */
  refusal({ user, tier, model }: StoppedRequest): BudgetExceededError | null {
    if (this.stops.size === 0) return null;
    const scopes = { global: null, tier, user, model } satisfies Record<BudgetScope, string | null>;
    for (const [scope, key] of Object.entries(scopes)) {
      const until = this.stops.get(keyOf(scope, key));
      if (until && until > this.clock.now()) return new BudgetExceededError({ scope, until });
    }
    return null;
  }

  /** Where reading fails the last state holds. */
  private async refresh(): Promise<void> {
    try {
      const rows = await this.em.fork().execute<{ scope: string; scope_key: string | null; stopped_until: string }[]>(
        `select scope, case scope when 'user' then lower(scope_key) else scope_key end as scope_key, stopped_until from budgets
           where is_active and is_hard_stop and stopped_until is not null order by stopped_until`,
      );
      this.stops = new Map(
        rows.map(({ scope, scope_key, stopped_until }) => [keyOf(scope, scope_key), new Date(stopped_until)]),
      );
    } catch (error) {
      this.logger.warn({ err: error }, 'the hard stops of budgets could not be read');
    }
  }
}

function keyOf(scope: string, key: string | null): string {
  return `${scope}:${key ?? ''}`;
}
