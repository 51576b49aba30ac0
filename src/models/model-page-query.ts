import type { Tier } from '../common/domain/tiers.js';
import type { Lifecycle } from './domain/lifecycle.js';
import { MODEL_ID_PATTERN, type Capability } from './domain/model-meta.js';

export const MODEL_SORTS = ['id', 'price', '-price'] as const;

export type ModelSort = (typeof MODEL_SORTS)[number];

/** What the console's list can be narrowed by. Prices are credits per 1 000 input tokens. */
export interface ModelFilter {
  provider?: string | undefined;
  tier?: Tier | undefined;
  capability?: Capability | undefined;
  lifecycle?: Lifecycle | undefined;
  priceMin?: number | undefined;
  priceMax?: number | undefined;
}

const PRICE = `coalesce((meta->'creditRates'->>'input')::numeric, (meta->>'creditsPer1kTokens')::numeric)`;

/** What a page is ordered by before the id. Models without a price come last in both directions. */
const ORDERS: Readonly<Record<ModelSort, { key: string; direction: 'asc' | 'desc' }>> = {
  id: { key: `'0'::numeric`, direction: 'asc' },
  price: { key: `coalesce(${PRICE}, 'Infinity'::numeric)`, direction: 'asc' },
  '-price': { key: `coalesce(${PRICE}, -1)`, direction: 'desc' },
};

const PLACE_PATTERN = /^(Infinity|-?\d{1,20}(?:\.\d{1,20})?) (.+)$/;

/** Whether a text is the place of a row as the query writes it: its sort key, a space, its id. */
export function isPlace(text: string): boolean {
  const id = PLACE_PATTERN.exec(text)?.[2];
  return id !== undefined && MODEL_ID_PATTERN.test(id);
}

/** One page: the ids in their order, each with its place. */
export function pageQuery(
  filter: ModelFilter,
  { sort, limit, after }: { sort: ModelSort; limit: number; after?: string | undefined },
): { sql: string; parameters: unknown[] } {
  const { key, direction } = ORDERS[sort];
  const conditions = conditionsOf(filter);
  const [, afterKey, afterId] = (after === undefined ? null : PLACE_PATTERN.exec(after)) ?? [];
  if (afterId !== undefined) {
    const beyond = direction === 'asc' ? '>' : '<';
    conditions.push([`(${key} ${beyond} ?::numeric or (${key} = ?::numeric and id > ?))`, afterKey, afterKey, afterId]);
  }
  const where = conditions.map(([sql]) => sql as string).join(' and ');
  return {
    sql: `select id, ${key} || ' ' || id as place from models ${where && `where ${where}`} order by ${key} ${direction}, id limit ?`,
    parameters: [...conditions.flatMap(([, ...values]) => values), limit],
  };
}

/** Each with its parameters. They are written so that the indexes of `models` serve them. */
function conditionsOf(filter: ModelFilter): unknown[][] {
  const conditions: unknown[][] = [];
  if (filter.provider !== undefined) conditions.push(['provider = ?', filter.provider]);
  if (filter.tier === 'free') conditions.push([`(meta->>'requiredTier' = 'free' or meta->>'requiredTier' is null)`]);
  else if (filter.tier !== undefined) conditions.push([`meta->>'requiredTier' = ?`, filter.tier]);
  if (filter.capability !== undefined) {
    conditions.push([`meta->'capabilities' @> ?::jsonb`, JSON.stringify([filter.capability])]);
  }
  if (filter.lifecycle !== undefined) conditions.push([LIFECYCLE_CONDITIONS[filter.lifecycle]]);
  if (filter.priceMin !== undefined) conditions.push([`${PRICE} >= ?::numeric`, filter.priceMin]);
  if (filter.priceMax !== undefined) conditions.push([`${PRICE} <= ?::numeric`, filter.priceMax]);
  return conditions;
}

/** The same decision as `lifecycleOf`. */
const LIFECYCLE_CONDITIONS: Readonly<Record<Lifecycle, string>> = {
  available: 'is_available and not is_legacy and not is_archived',
  unavailable: 'not is_available and not is_archived',
  legacy: 'is_available and is_legacy and not is_archived',
  archived: 'is_archived',
};
