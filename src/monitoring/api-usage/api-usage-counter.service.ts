import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { isPassingFailure } from '../../common/errors/passing-failure.js';
import { newId } from '../../common/ids.js';
import { routeOfRequest } from '../../database/request-context.js';
import { PeriodicWork } from '../periodic-work.js';
import { RequestTimes } from '../performance/request-times.js';
import { type UsageBucket, UsageBuckets } from './usage-buckets.js';

const FLUSH_MS = 10_000;
/** Buckets of one statement. */
const BATCH_BUCKETS_MAX = 1_000;

/** An answered request. */
export interface AnsweredRequest {
  method: string;
  endpoint: string;
  userId: string | null;
  status: number;
  responseMs: number;
}

/**
 * Adds up requests in memory, and stores the sums every few seconds. Rows are locked in the order of their key, so that replicas wait for each
 * other and never in a circle. Users who are gone count as nobody known.
 */
@Injectable()
export class ApiUsageCounter implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(ApiUsageCounter.name);
  private readonly work = new PeriodicWork(FLUSH_MS, () => this.storeAll());
  private buckets = new UsageBuckets();

  constructor(
    private readonly em: EntityManager,
    private readonly times: RequestTimes,
    private readonly clock: WallClock,
  ) {}

  onApplicationBootstrap(): void {
    this.work.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.work.stop();
  }

  /** Asks nobody: it is called for every request. */
  count({ method, endpoint, userId, status, responseMs }: AnsweredRequest): void {
    const bucket = this.buckets.at({ method, endpoint, userId, atMs: this.clock.now().getTime() });
    bucket.requests += 1;
    bucket.responseMs += responseMs;
    if (status >= 400) bucket.errors += 1;
    this.times.record(bucket.service, responseMs);
  }

  /** What the request under way was charged for; nothing outside one. Tokens in and out, and the provider's cost in nano-USD. */
  charge(userId: string, { tokens, costNusd }: { tokens: number; costNusd: bigint }): void {
    const route = routeOfRequest();
    if (!route) return;
    const bucket = this.buckets.at({ ...route, userId, atMs: this.clock.now().getTime() });
    bucket.tokens += tokens;
    bucket.costNusd += costNusd;
  }

  /** Stores what was counted. What the database does not take now is kept for the next time. */
  flush(): Promise<void> {
    return this.work.run();
  }

  private async storeAll(): Promise<void> {
    const counted = this.buckets.list();
    this.buckets = new UsageBuckets();
    for (let first = 0; first < counted.length; first += BATCH_BUCKETS_MAX) {
      const batch = counted.slice(first, first + BATCH_BUCKETS_MAX);
      try {
        await this.store(batch);
      } catch (error) {
        this.logger.warn({ err: error, buckets: batch.length }, 'counted requests could not be stored');
        if (isPassingFailure(error)) for (const bucket of batch) this.buckets.add(bucket);
      }
    }
  }

  private async store(batch: readonly UsageBucket[]): Promise<void> {
    const rows = batch.map(({ hourMs, responseMs, costNusd, ...rest }) => ({
      ...rest,
      id: newId(),
      hour: new Date(hourMs),
      responseMs: Math.round(responseMs),
      costNusd: String(costNusd),
    }));
    await this.em.fork().execute(UPSERT_SQL, [JSON.stringify(rows), this.clock.now()]);
  }
}

const UPSERT_SQL = `
  insert into api_usage as a (id, service, endpoint, method, user_id, time_window, request_count, success_count, error_count, token_usage,
    cost_nusd, response_ms_sum, created_at, updated_at)
  select b.*, n.now, n.now
    from (select (array_agg(r.id))[1], r.service, r.endpoint, r.method, u.id as user_id, r.hour, sum(r.requests), sum(r.requests - r.errors),
                 sum(r.errors), sum(r.tokens), sum(r."costNusd"), sum(r."responseMs")
            from jsonb_to_recordset(?::jsonb) as r (id uuid, service text, endpoint text, method text, "userId" uuid, hour timestamptz,
                   requests integer, errors integer, tokens bigint, "costNusd" bigint, "responseMs" bigint)
            left join users u on u.id = r."userId"
           group by r.service, r.endpoint, r.method, u.id, r.hour
           order by r.service, r.endpoint, r.method, u.id, r.hour) b,
         (select ?::timestamptz as now) n
  on conflict (service, endpoint, method, user_id, time_window) do update set
    request_count = a.request_count + excluded.request_count, success_count = a.success_count + excluded.success_count,
    error_count = a.error_count + excluded.error_count, token_usage = a.token_usage + excluded.token_usage,
    cost_nusd = a.cost_nusd + excluded.cost_nusd, response_ms_sum = a.response_ms_sum + excluded.response_ms_sum,
    updated_at = excluded.updated_at`;
