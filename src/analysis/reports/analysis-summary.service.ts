import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { TimeRange } from '../../common/http/time-range.js';

export const SUMMARY_GROUPS = ['model', 'kind', 'tier', 'hour'] as const;
export type SummaryGroup = (typeof SUMMARY_GROUPS)[number];

/** A year of hours has fewer; nobody reads more lines. */
const LINES_MAX = 10_000;

export interface SummaryRow {
  group: string | null;
  analyses: number;
  open: number;
  failed: number;
  fallbacks: number;
  upgraded: number;
  tokens: string;
  credits: string;
  cost: string;
  /** Median and 95th percentile, sorted once for both. Null where nothing has begun. */
  waits: [number, number] | null;
  processings: [number, number] | null;
}

const EXPRESSIONS: Record<SummaryGroup, string> = {
  model: 'coalesce(model_type, model_id)',
  kind: 'kind',
  tier: 'service_tier::text',
  hour: `to_char(date_trunc('hour', created_at, 'UTC') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:00:00"Z"')`,
};

/** What analyses cost, how long they waited, and how often no model answered. */
@Injectable()
export class AnalysisSummary {
  constructor(private readonly em: EntityManager) {}

  /** One line of each group, over analyses that were made in the range. */
  by(group: SummaryGroup, { from, to }: TimeRange): Promise<SummaryRow[]> {
    return this.em.fork().execute<SummaryRow[]>(summarySql(group), [from, to]);
  }
}

function summarySql(group: SummaryGroup): string {
  return `
    select ${EXPRESSIONS[group]} as group, count(*)::integer as analyses,
      (count(*) filter (where status in ('queued', 'processing')))::integer as open,
      (count(*) filter (where status in ('failed', 'dead')))::integer as failed,
      (count(*) filter (where fallback_used))::integer as fallbacks,
      (count(*) filter (where upgraded_from_fallback))::integer as upgraded,
      coalesce(sum(tokens_used), 0) as tokens, sum(credits_ucr) as credits, sum(api_cost_nusd) as cost,
      ${percentiles('queue_wait_ms')} as waits, ${percentiles('processing_ms')} as processings
    from ai_analyses where created_at >= ? and created_at < ? group by 1 order by 1 limit ${LINES_MAX}`;
}

function percentiles(column: string): string {
  return `percentile_disc(array[0.5, 0.95]) within group (order by ${column})`;
}
