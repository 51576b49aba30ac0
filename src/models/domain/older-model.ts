import { TIERS } from '../../common/domain/tiers.js';
import { CAPABILITIES } from './model-meta.js';
import { isSameValue } from './parameter-value.js';
import { TIER_RESTRICTION_MODES } from './tier-access.js';
import type { LifecycleFlags } from './tier-and-lifecycle.js';

/** The columns of the older, many-column shape that live in `meta` today, and where. */
export const OLDER_COLUMNS = [
  'display_name',
  'description',
  'version',
  'capabilities',
  'context_length',
  'max_output_tokens',
  'input_cost_per_million_tokens',
  'output_cost_per_million_tokens',
  'credits_per_1k_tokens',
  'is_deprecated',
  'required_tier',
  'tier_restriction_mode',
  'allowed_tiers',
] as const;

const KEPT_COLUMNS = ['id', 'name', 'provider', 'is_available', 'is_archived', 'created_at', 'updated_at'];

export type OlderRow = Readonly<Record<string, unknown>>;

/** A row of the older shape as today's catalogue holds it. */
export interface FoldedModel {
  id: string;
  name: string;
  provider: string;
  flags: LifecycleFlags;
  meta: Record<string, unknown>;
  createdAt?: Date;
}

export interface Folding {
  /** Null where a value cannot be understood. */
  model: FoldedModel | null;
  errors: { field: string; message: string }[];
  /** What was filled in or written otherwise, for the report. */
  notes: string[];
}

/** How costs are written in the older table; today's unit is thousandths of a USD per million tokens. */
export type CostUnit = 'thousandths' | 'usd';

/** Where `meta` keeps what has no place of its own. */
const LEFTOVERS = 'imported';

/** One row of the older shape, folded. Whatever has no place in `meta` is kept in `providerMetadata`. */
export function foldOlder(row: OlderRow, costUnit: CostUnit = 'thousandths'): Folding {
  const reading = new RowReading(row);
  const name = reading.text('name') ?? '';
  const mode = reading.choice('tier_restriction_mode', TIER_RESTRICTION_MODES);
  const allowed = reading.list('allowed_tiers', TIERS);
  const isWhitelist = mode === 'whitelist';
  const leftovers = reading.leftovers();
  if (allowed.length > 0 && !isWhitelist) {
    leftovers['allowed_tiers'] = allowed;
    reading.notes.push('allowed_tiers means nothing without whitelist and is kept in providerMetadata');
  }
  const cost = (column: string): number | undefined => {
    const value = reading.number(column);
    return value === undefined || costUnit === 'thousandths' ? value : Math.round(value * 1_000_000) / 1_000;
  };
  const stored = isRecord(row['meta']) ? row['meta'] : {};
  const meta = withoutNothing({
    ...stored,
    displayName: reading.text('display_name') || reading.filled('display_name', name),
    description: reading.text('description'),
    version: reading.text('version'),
    capabilities: reading.capabilities(),
    contextLength: reading.number('context_length'),
    maxOutputTokens: reading.number('max_output_tokens'),
    inputCostPerMillionTokens: cost('input_cost_per_million_tokens'),
    outputCostPerMillionTokens: cost('output_cost_per_million_tokens'),
    creditsPer1kTokens: reading.number('credits_per_1k_tokens'),
    requiredTier: reading.choice('required_tier', TIERS),
    tierRestrictionMode: mode,
    allowedTiers: isWhitelist ? allowed : undefined,
  });
  if (Object.keys(leftovers).length > 0) {
    const { providerMetadata } = stored as { providerMetadata?: Record<string, unknown> };
    meta['providerMetadata'] = { ...providerMetadata, [LEFTOVERS]: leftovers };
  }
  const flags = {
    isAvailable: reading.flag('is_available', true),
    isLegacy: reading.flag('is_deprecated', false),
    isArchived: reading.flag('is_archived', false),
  };
  const { errors, notes } = reading;
  const { created_at: createdAt } = row;
  const model = {
    id: reading.text('id') ?? '',
    name,
    provider: reading.text('provider') ?? '',
    flags,
    meta,
    ...(createdAt instanceof Date && { createdAt }),
  };
  return { model: errors.length > 0 ? null : model, errors, notes };
}

/** The row that a model would have in the older shape: what proves that folding lost nothing, and a way back. */
export function unfoldOlder(model: FoldedModel, costUnit: CostUnit = 'thousandths'): Record<string, unknown> {
  const { meta, flags } = model;
  const { [LEFTOVERS]: kept } = (meta['providerMetadata'] ?? {}) as Record<string, Record<string, unknown> | undefined>;
  const cost = (value: unknown): unknown =>
    typeof value === 'number' && costUnit === 'usd' ? value / 1_000 : (value ?? null);
  return {
    ...kept,
    id: model.id,
    name: model.name,
    provider: model.provider,
    is_available: flags.isAvailable,
    is_archived: flags.isArchived,
    is_deprecated: flags.isLegacy,
    display_name: meta['displayName'],
    description: meta['description'] ?? null,
    version: meta['version'] ?? null,
    capabilities: meta['capabilities'],
    context_length: meta['contextLength'] ?? null,
    max_output_tokens: meta['maxOutputTokens'] ?? null,
    input_cost_per_million_tokens: cost(meta['inputCostPerMillionTokens']),
    output_cost_per_million_tokens: cost(meta['outputCostPerMillionTokens']),
    credits_per_1k_tokens: meta['creditsPer1kTokens'] ?? null,
    required_tier: meta['requiredTier'] ?? null,
    tier_restriction_mode: meta['tierRestrictionMode'] ?? null,
    allowed_tiers: meta['allowedTiers'] ?? kept?.['allowed_tiers'] ?? [],
  };
}

/** The columns whose value a model does not hold any more, but for those that the notes of its folding name as filled in. */
export function lostColumns(row: OlderRow, model: FoldedModel, costUnit: CostUnit = 'thousandths'): string[] {
  // Folding is idempotent on its own output, so both sides are written alike before they are compared.
  const source = foldOlder(row, costUnit);
  const again = foldOlder({ ...unfoldOlder(model, costUnit), meta: model.meta }, costUnit);
  if (!source.model || !again.model) return ['*'];
  const [expected, found] = [unfoldOlder(source.model, costUnit), unfoldOlder(again.model, costUnit)];
  const lost = Object.keys(expected).filter((column) => !isSameValue(expected[column], found[column]));
  const stored = isRecord(row['meta']) ? Object.keys(row['meta']).filter((key) => !(key in model.meta)) : [];
  return [...lost, ...stored.map((key) => `meta.${key}`)];
}

/** One row under the hands of the reader, with what it had to say. */
class RowReading {
  readonly errors: Folding['errors'] = [];
  readonly notes: string[] = [];

  constructor(private readonly row: OlderRow) {}

  text(column: string): string | undefined {
    const value = this.row[column];
    if (value === null || value === undefined) return undefined;
    if (typeof value === 'string') return value;
    this.fault(column, 'must be text');
    return undefined;
  }

  filled(column: string, value: string): string {
    this.notes.push(`${column} was empty and is now ${JSON.stringify(value)}`);
    return value;
  }

  /** The driver hands decimals over as text. */
  number(column: string): number | undefined {
    const value = this.row[column];
    if (value === null || value === undefined) return undefined;
    const number = typeof value === 'string' && /^-?\d{1,15}(\.\d{1,9})?$/.test(value.trim()) ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    this.fault(column, 'must be a number');
    return undefined;
  }

  flag(column: string, fallback: boolean): boolean {
    const value = this.row[column];
    if (typeof value === 'boolean') return value;
    if (value === null || value === undefined) this.notes.push(`${column} was empty and is now ${fallback}`);
    else this.fault(column, 'must be true or false');
    return fallback;
  }

  choice<Choice extends string>(column: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(column)?.trim();
    if (text === undefined || text === '') return undefined;
    return this.oneOf(column, text, choices);
  }

  /** A list, however the table wrote it: an array, JSON, or names with commas. */
  list<Choice extends string>(column: string, choices: readonly Choice[]): Choice[] {
    const value = this.row[column];
    const items = typeof value === 'string' ? splitList(value) : (value ?? []);
    if (!Array.isArray(items)) {
      this.fault(column, 'must be a list');
      return [];
    }
    const read = items.flatMap((item) => this.oneOf(column, String(item), choices) ?? []);
    return [...new Set(read)];
  }

  capabilities(): string[] {
    const found = this.list('capabilities', CAPABILITIES);
    if (found.length > 0 || this.errors.some(({ field }) => field === 'capabilities')) return found;
    this.notes.push('capabilities was empty and is now ["text"]');
    return ['text'];
  }

  /** Columns that nobody knows. */
  leftovers(): Record<string, unknown> {
    const known = new Set<string>([...OLDER_COLUMNS, ...KEPT_COLUMNS, 'meta']);
    const others = Object.entries(this.row).filter(([column, value]) => !known.has(column) && value !== null);
    if (others.length > 0) this.notes.push(`${others.map(([column]) => column).join(', ')} kept in providerMetadata`);
    return Object.fromEntries(
      others.map(([column, value]) => [column, value instanceof Date ? value.toISOString() : value]),
    );
  }

  private oneOf<Choice extends string>(column: string, text: string, choices: readonly Choice[]): Choice | undefined {
    const plain = text
      .trim()
      .toLowerCase()
      .replace(/[\s-]+/g, '_');
    const choice = choices.find((candidate) => candidate === plain);
    if (choice === undefined)
      this.fault(column, `${JSON.stringify(text.slice(0, 50))} is none of ${choices.join(', ')}`);
    else if (choice !== text) this.notes.push(`${column} ${JSON.stringify(text)} is now ${choice}`);
    return choice;
  }

  private fault(field: string, message: string): void {
    this.errors.push({ field, message });
  }
}

function splitList(text: string): unknown[] {
  const bare = text.trim();
  if (bare.startsWith('[')) {
    try {
      return JSON.parse(bare) as unknown[];
    } catch {
      return [bare];
    }
  }
  return bare
    .replace(/^\{(.*)\}$/s, '$1')
    .split(',')
    .map((item) => item.trim().replace(/^"(.*)"$/, '$1'))
    .filter((item) => item !== '');
}

function withoutNothing(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
