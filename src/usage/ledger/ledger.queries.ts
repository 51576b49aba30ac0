import type { UsageOperation, UsageOutcome } from '../token-usage.entity.js';

/** What operators may ask of the ledger. Undefined asks for all. */
export interface LedgerFilter {
  /** Included. */
  from: Date;
  /** Excluded. */
  to: Date;
  userId?: string | undefined;
  modelId?: string | undefined;
  provider?: string | undefined;
  operation?: UsageOperation | undefined;
  outcome?: UsageOutcome | undefined;
}

/** A ledger row as it is listed and exported; amounts are decimal strings of micro-credits and nano-USD. */
export interface LedgerRow {
  id: string;
  created_at: string;
  request_id: string;
  user_id: string;
  model_id: string;
  model_version_no: number;
  provider: string;
  provider_request_id: string | null;
  operation: UsageOperation;
  tier: string | null;
  input_tokens: number;
  cached_input_tokens: number;
  cache_write_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  image_count: number;
  image_tokens: number;
  credits_ucr: string;
  cost_nusd: string;
  usage_source: string;
  outcome: UsageOutcome;
  latency_ms: number;
  first_token_ms: number | null;
}

const COLUMNS = `l.id, to_char(l.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at, l.request_id, l.user_id,
  l.model_id, l.model_version_no, l.provider, l.provider_request_id, l.operation, l.metadata->>'tier' as tier, l.input_tokens,
  l.cached_input_tokens, l.cache_write_tokens, l.output_tokens, l.reasoning_tokens, l.image_count, l.image_tokens,
  l.credits_ucr::text, l.cost_nusd::text, l.usage_source, l.outcome, l.latency_ms, l.first_token_ms`;

const FILTERS = {
  userId: 'l.user_id = ',
  modelId: 'l.model_id = ',
  provider: 'l.provider = ',
  operation: 'l.operation = ',
  outcome: 'l.outcome = ',
} as const;

/** A statement with its `$n` parameters. */
export interface LedgerQuery {
  sql: string;
  parameters: unknown[];
}

/** Every row that the filter picks, in no particular order: a sort of millions of them would need as much room again. */
export function ledgerExport(filter: LedgerFilter): LedgerQuery {
  const { sql, parameters } = conditionsOf(filter);
  return { sql: `select ${COLUMNS} from token_usage_ledger_all l where ${sql}`, parameters };
}

/**
 * A page, newest first. The rows of one user come by the primary key. Else the newest of each model are merged, because the ledger has an
 * index by model and time and none by time alone, which every request would pay for.
 */
export function ledgerPage(
  filter: LedgerFilter,
  { after, limit }: { after: { at: string; id: string } | null; limit: number },
): LedgerQuery {
  const { sql, parameters } = conditionsOf(filter);
  if (after) parameters.push(after.at, after.id);
  const older = after
    ? ` and (l.created_at, l.id) < ($${parameters.length - 1}::timestamptz, $${parameters.length}::uuid)`
    : '';
  parameters.push(limit);
  const newest = `order by l.created_at desc, l.id desc limit $${parameters.length}`;
  const rows = (condition: string): string =>
    `select l.* from token_usage_ledger_all l where ${condition}${sql}${older} ${newest}`;
  const source =
    filter.userId === undefined
      ? `models m cross join lateral (${rows('l.model_id = m.id and ')}) l`
      : `(${rows('')}) l`;
  return { sql: `select ${COLUMNS} from ${source} ${newest}`, parameters };
}

function conditionsOf(filter: LedgerFilter): LedgerQuery {
  const parameters: unknown[] = [filter.from, filter.to];
  const conditions = ['l.created_at >= $1', 'l.created_at < $2'];
  for (const [name, condition] of Object.entries(FILTERS) as [keyof typeof FILTERS, string][]) {
    if (filter[name] === undefined) continue;
    parameters.push(filter[name]);
    conditions.push(`${condition}$${parameters.length}`);
  }
  return { sql: conditions.join(' and '), parameters };
}
