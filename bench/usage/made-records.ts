import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { SYSTEM_LOG_LEVELS } from '../../src/monitoring/system-logs/system-log.entity.js';
import { API_SERVICES } from '../../src/monitoring/api-usage/service-of-route.js';
import { PERFORMANCE_METRICS } from '../../src/monitoring/performance/performance-sampler.service.js';
import { Random } from '../../src/simulation/random.js';
import { CopyRows } from './copy-rows.js';
import { uuidAt } from './made-ids.js';

/** As long as such records are kept by default. */
const DAYS = 30;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const CHUNK = 5_000;
const SEED = 20_261_130;
const LEVEL_SHARES = { debug: 1, info: 90, warn: 7, error: 2 } as const;
const SERVICES = ['Http', 'MeteringService', 'CircuitBreakers', 'JobRegistry', 'HoldSweeper'];
const ENDPOINTS = ['/v1/chat/completions', '/v1/embeddings', '/v1/me/credits', '/v1/models'];
const METRICS = Object.keys(PERFORMANCE_METRICS);
const PLANS = ['free', 'pro', 'pro_max'];
const ACTIONS = ['plan.update', 'model.update', 'grant.create', 'user.suspend'];

/** How many of each kind there are for a call of the ledger: everybody's requests of an hour share a record, operators write little. */
const SHARES = { logs: 0.1, requests: 0.05, samples: 0.03, changes: 0.01 };

/** What a monitored server has written beside its ledger in the time that it keeps such records, by COPY, oldest first. */
export async function seedRecords(client: pg.Client, calls: number): Promise<void> {
  const { rows } = await client.query<{ id: string }>('select id from users order by id limit 1000');
  const random = new Random(SEED);
  const userIds = rows.map(({ id }) => id);
  const now = Date.now();
  for (const [kind, share] of Object.entries(SHARES) as [keyof typeof SHARES, number][]) {
    const { table, rowOf } = KINDS[kind];
    const count = Math.ceil(calls * share);
    const records = new CopyRows(table);
    for (let made = 0; made < count; made += 1) {
      const at = new Date(now - ((count - made) * DAYS * DAY_MS) / count);
      records.add(rowOf({ at, random, userId: userIds[made % userIds.length]! }));
      if (made % CHUNK === CHUNK - 1) await records.writeTo(client);
    }
    await records.writeTo(client);
  }
  await client.query('vacuum analyze system_logs, api_usage, performance_metrics, audit_trail');
}

interface Made {
  at: Date;
  random: Random;
  userId: string;
}

const KINDS = {
  logs: {
    table: 'system_logs',
    rowOf: ({ at, random, userId }: Made) => ({
      created_at: at,
      id: uuidAt(at),
      level: random.weighted(SYSTEM_LOG_LEVELS.map((level) => [level, LEVEL_SHARES[level]] as const)),
      message: 'request completed',
      service: oneOf(random, SERVICES),
      metadata: JSON.stringify({ requestId: randomUUID(), route: oneOf(random, ENDPOINTS), status: 200 }),
      user_id: userId,
      session_id: userId,
    }),
  },
  requests: {
    table: 'api_usage',
    rowOf: ({ at, random, userId }: Made) => {
      const requests = random.integer(1, 50);
      const errors = random.integer(0, 1);
      // A route of its own, so that no two are of one user's hour of a route.
      return {
        id: uuidAt(at),
        service: oneOf(random, API_SERVICES),
        endpoint: `${oneOf(random, ENDPOINTS)}/${randomUUID()}`,
        method: 'POST',
        user_id: userId,
        time_window: new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS),
        request_count: requests,
        success_count: requests - errors,
        error_count: errors,
        token_usage: random.integer(0, 100_000),
        cost_nusd: random.integer(0, 1_000_000),
        response_ms_sum: random.integer(100, 100_000),
        created_at: at,
        updated_at: at,
      };
    },
  },
  samples: {
    table: 'performance_metrics',
    rowOf: ({ at, random }: Made) => ({
      created_at: at,
      id: uuidAt(at),
      name: oneOf(random, METRICS),
      value: random.integer(1, 1_000),
      unit: 'ms',
      labels: '{"replica":"tollgate-1:3000"}',
    }),
  },
  changes: {
    table: 'audit_trail',
    rowOf: ({ at, random, userId }: Made) => ({
      created_at: at,
      id: uuidAt(at),
      actor_id: userId,
      action: oneOf(random, ACTIONS),
      entity: 'plan',
      entity_id: oneOf(random, PLANS),
      before: '{"requestsPerMinute":60}',
      after: '{"requestsPerMinute":61}',
      reason: 'more room',
      ip: '203.0.113.7',
      request_id: uuidAt(at),
    }),
  },
};

function oneOf<Value>(random: Random, values: readonly Value[]): Value {
  return values[Math.floor(random.next() * values.length)]!;
}
