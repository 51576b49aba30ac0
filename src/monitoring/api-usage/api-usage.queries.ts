import type { TimeRange } from '../../common/http/time-range.js';
import type { Condition } from '../time-page.js';
import type { ApiService } from './service-of-route.js';

/** Undefined asks for all. */
export interface ApiUsageFilter {
  range: TimeRange;
  service?: ApiService | undefined;
  endpoint?: string | undefined;
  method?: string | undefined;
  userId?: string | undefined;
}

/** What a list can be sorted by, the largest first: its column, how a cursor has its value, and how that is read again. */
export const HOUR_SORTS = {
  hour: {
    column: 'time_window',
    text: 'extract(epoch from time_window)::bigint::text',
    value: 'to_timestamp(?::bigint)',
  },
  cost: { column: 'cost_nusd', text: 'cost_nusd::text', value: '?::bigint' },
  errorRate: { column: 'error_rate', text: 'error_rate::text', value: '?::numeric' },
} as const;
export type HourSort = keyof typeof HOUR_SORTS;

export const REPORT_GROUPS = ['hour', 'service', 'endpoint', 'user'] as const;
export type ReportGroup = (typeof REPORT_GROUPS)[number];

const GROUP_COLUMNS: Record<ReportGroup, string> = {
  hour: 'time_window',
  service: 'service',
  endpoint: 'service, method, endpoint',
  user: 'user_id',
};

/** Lines of a report: no console shows more. */
export const REPORT_LINES_MAX = 500;

/** A row as it is read; amounts are decimal strings. */
export interface ApiUsageRecord {
  id: string;
  position: string;
  service: ApiService;
  endpoint: string;
  method: string;
  user_id: string | null;
  time_window: string;
  request_count: number;
  error_count: number;
  token_usage: string;
  cost_nusd: string;
  avg_response_ms: string;
  error_rate: string;
}

export type ApiUsageLine = Omit<ApiUsageRecord, 'id' | 'position' | 'service' | 'endpoint' | 'method' | 'time_window'> &
  Partial<Pick<ApiUsageRecord, 'service' | 'endpoint' | 'method' | 'time_window'>>;

interface Statement {
  sql: string;
  parameters: unknown[];
}

/** Hours of routes and users, the largest first. `after` is the sorted value and the id of the last row of the page before. */
export function hoursPage(
  filter: ApiUsageFilter,
  { sort, after, limit }: { sort: HourSort; after: { value: string; id: string } | null; limit: number },
): Statement {
  const { sql, parameters } = conditionsOf(filter);
  const { column, text, value } = HOUR_SORTS[sort];
  const beyond = after ? ` and (u.${column}, u.id) < (${value}, ?::uuid)` : '';
  return {
    sql: `select id, service, endpoint, method, user_id, time_window, request_count, error_count, token_usage::text, cost_nusd::text,
        avg_response_ms::text, error_rate::text, ${text} as position
      from api_usage u where ${sql}${beyond} order by u.${column} desc, u.id desc limit ?`,
    parameters: [...parameters, ...(after ? [after.value, after.id] : []), limit],
  };
}

/** Sums by what is asked for: by hour the newest first, else those with the most requests. */
export function usageReport(filter: ApiUsageFilter, group: ReportGroup): Statement {
  const { sql, parameters } = conditionsOf(filter);
  const columns = GROUP_COLUMNS[group];
  return {
    sql: `select ${columns}, sum(request_count)::integer as request_count, sum(error_count)::integer as error_count, sum(token_usage)::text as token_usage,
        sum(cost_nusd)::text as cost_nusd, round(sum(response_ms_sum) / greatest(sum(request_count), 1), 3)::text as avg_response_ms,
        round(sum(error_count)::numeric / greatest(sum(request_count), 1), 6)::text as error_rate
      from api_usage u where ${sql} group by ${columns}
      order by ${group === 'hour' ? 'time_window' : 'sum(request_count)'} desc, ${columns} limit ${REPORT_LINES_MAX}`,
    parameters,
  };
}

function conditionsOf({ range, service, endpoint, method, userId }: ApiUsageFilter): Statement {
  const all: Condition[] = [
    ['u.time_window >= ?', range.from],
    ['u.time_window < ?', range.to],
    ['u.service = ?', service],
    ['u.endpoint = ?', endpoint],
    ['u.method = ?', method],
    ['u.user_id = ?', userId],
  ];
  const asked = all.filter(([, value]) => value !== undefined);
  return { sql: asked.map(([sql]) => sql).join(' and '), parameters: asked.map(([, value]) => value) };
}
