import type { TimeRange } from '../../common/http/time-range.js';
import type { PerformanceMetricName } from './performance-sampler.service.js';

/** What samples are gathered by. */
export const INTERVALS = ['minute', 'hour', 'day'] as const;
export type Interval = (typeof INTERVALS)[number];

/** Points of a chart for one metric. */
export const POINTS_MAX = 1_500;

export const INTERVAL_MS: Record<Interval, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

export interface PerformanceFilter {
  range: TimeRange;
  name: PerformanceMetricName;
  interval: Interval;
  replica?: string | undefined;
  service?: string | undefined;
}

export interface PerformancePoint {
  at: string;
  service: string | null;
  samples: number;
  min: number;
  average: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** The samples of one metric by time, over all replicas or of one. */
export function performanceReport({ range, name, interval, replica, service }: PerformanceFilter): {
  sql: string;
  parameters: unknown[];
} {
  const conditions = [
    ...(replica === undefined ? [] : [{ sql: ` and labels->>'replica' = ?`, value: replica }]),
    ...(service === undefined ? [] : [{ sql: ` and labels->>'service' = ?`, value: service }]),
  ];
  return {
    sql: `select date_trunc('${interval}', created_at, 'UTC') as at, labels->>'service' as service, count(*)::integer as samples,
        min(value)::float8 as min, avg(value)::float8 as average,
        percentile_cont(0.5) within group (order by value::float8) as p50,
        percentile_cont(0.95) within group (order by value::float8) as p95,
        percentile_cont(0.99) within group (order by value::float8) as p99, max(value)::float8 as max
      from performance_metrics
      where name = ? and created_at >= ? and created_at < ?${conditions.map(({ sql }) => sql).join('')}
      group by 1, 2 order by 1, 2`,
    parameters: [name, range.from, range.to, ...conditions.map(({ value }) => value)],
  };
}
