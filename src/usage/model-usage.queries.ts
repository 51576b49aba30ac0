/** What vision usage can be grouped by, and how the statement says it. */
export const VISION_GROUPS = ['model', 'tier', 'day'] as const;
export type VisionGroup = (typeof VISION_GROUPS)[number];

const GROUP_SQL: Readonly<Record<VisionGroup, string>> = {
  model: 'l.model_id',
  // The plan at the time of the call; rows of the first releases know only today's.
  tier: `coalesce(l.metadata->>'tier', s.tier::text)`,
  day: `to_char(l.created_at at time zone 'UTC', 'YYYY-MM-DD')`,
};

export interface VisionRow {
  model?: string;
  tier?: string | null;
  day?: string;
  requests: string;
  images: string;
  image_tokens: string;
  expected_tokens: string;
  reported_tokens: string;
  reported_expected_tokens: string;
  input_tokens: string;
  output_tokens: string;
  credits_ucr: string;
  cost_nusd: string;
}

/** Requests with images in [from, to), in the order of their groups. The partial index on `image_count` serves it. */
export function visionSql(groups: readonly VisionGroup[]): string {
  const keys = groups.map((group) => `${GROUP_SQL[group]} as ${group}`);
  const positions = groups.map((_, index) => index + 1).join(', ');
  return `
    select ${keys.map((key) => `${key},`).join(' ')} count(*) as requests, sum(l.image_count) as images, sum(l.image_tokens) as image_tokens,
           coalesce(sum((l.metadata->'images'->>'expectedTokens')::bigint), 0) as expected_tokens,
           coalesce(sum((l.metadata->'images'->>'reportedTokens')::bigint), 0) as reported_tokens,
           coalesce(sum((l.metadata->'images'->>'expectedTokens')::bigint)
             filter (where l.metadata->'images'->>'reportedTokens' is not null), 0) as reported_expected_tokens,
           sum(l.input_tokens) as input_tokens, sum(l.output_tokens) as output_tokens,
           coalesce(sum(l.credits_ucr), 0)::bigint as credits_ucr, coalesce(sum(l.cost_nusd), 0)::bigint as cost_nusd
      from token_usage_ledger_all l left join subscriptions s on s.id = l.subscription_id
     where l.image_count > 0 and l.created_at >= ? and l.created_at < ?
     ${positions && `group by ${positions} order by ${positions}`} limit ?`;
}

export interface LegacyUsageRow {
  asked_id: string;
  model_id: string;
  user_id: string;
  email: string;
  requests: string;
  credits_ucr: string;
  last_used_at: string;
}

/**
 * Who has asked for legacy models in [from, to], one line per model asked for, model called and user. A request that its plan redirected stands
 * in the ledger under the successor, and its row says what was asked for: an index of its own finds it among all others of the successor.
 */
export const LEGACY_USAGE_SQL = `
  with calls as (
    select l.model_id as asked_id, l.model_id, l.user_id, l.credits_ucr, l.created_at from token_usage_ledger_all l
     where l.model_id in (?) and l.created_at between ? and ? and l.metadata->>'redirectedFrom' is null
    union all
    select l.metadata->>'redirectedFrom', l.model_id, l.user_id, l.credits_ucr, l.created_at from token_usage_ledger_all l
     where l.metadata->>'redirectedFrom' in (?) and l.created_at between ? and ?),
  asked as (
    select asked_id, model_id, user_id, count(*) as requests, sum(credits_ucr)::bigint as credits_ucr, max(created_at) as last_used_at
      from calls group by 1, 2, 3)
  select a.*, u.email::text as email from asked a join users u on u.id = a.user_id
   where (a.asked_id, a.model_id, a.user_id) > (?, ?, ?::uuid)
   order by a.asked_id, a.model_id, a.user_id limit ?`;
