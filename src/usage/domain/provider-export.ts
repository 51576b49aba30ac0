import { isDay } from '../../common/domain/times.js';

/** What a provider says of one day and model. A figure that the file does not have is undefined. */
export interface ProviderFigures {
  requests?: bigint;
  /** Cached ones included, as in the ledger. */
  inputTokens?: bigint;
  outputTokens?: bigint;
  costNusd?: bigint;
}

export type ProviderFigure = keyof ProviderFigures;

/** One row of a provider's file, read. */
export interface ExportRow {
  /** `2026-05-10`, of UTC. */
  day: string;
  /** As the provider writes it. */
  model: string;
  figures: ProviderFigures;
}

export interface RowFault {
  column: string;
  rule: string;
}

type Amount = 'count' | 'usd';

/** The columns of a kind of file. */
export interface ExportShape {
  day: string;
  model: string;
  /** For each figure the columns whose sum it is. */
  figures: Readonly<Partial<Record<ProviderFigure, readonly string[]>>>;
  /** Columns that must have a certain value. */
  fixed?: Readonly<Record<string, string>>;
  /** Figures whose columns may be missing; one must be there. */
  isPartial?: boolean;
}

/** The files that can be read, as the providers' consoles export them, and one of our own for every other provider. */
export const EXPORT_SHAPES = {
  openai_usage: {
    day: 'start_time_iso',
    model: 'model',
    figures: { requests: ['num_model_requests'], inputTokens: ['input_tokens'], outputTokens: ['output_tokens'] },
  },
  openai_costs: {
    day: 'start_time_iso',
    model: 'line_item',
    figures: { costNusd: ['amount_value'] },
    fixed: { amount_currency: 'usd' },
  },
  anthropic_usage: {
    day: 'usage_date_utc',
    model: 'model_version',
    figures: {
      inputTokens: [
        'usage_input_tokens_no_cache',
        'usage_input_tokens_cache_write_5m',
        'usage_input_tokens_cache_write_1h',
        'usage_input_tokens_cache_read',
      ],
      outputTokens: ['usage_output_tokens'],
    },
  },
  anthropic_costs: { day: 'usage_date_utc', model: 'model', figures: { costNusd: ['cost_usd'] } },
  neutral: {
    day: 'day',
    model: 'model',
    figures: {
      requests: ['requests'],
      inputTokens: ['input_tokens'],
      outputTokens: ['output_tokens'],
      costNusd: ['cost_usd'],
    },
    isPartial: true,
  },
} as const satisfies Record<string, ExportShape>;
export type ExportShapeName = keyof typeof EXPORT_SHAPES;

const MODEL_LENGTH_MAX = 200;
const DAY = /^(\d{4}-\d{2}-\d{2})(?:[T ].*)?$/;
/** Providers write whole numbers with a decimal point, too. */
const COUNT = /^(\d{1,15})(?:\.0*)?$/;
/** Programs write small amounts with many digits, or with an exponent. */
const USD = /^(\d{1,9})(?:\.(\d{1,30}))?(?:[eE]-(\d{1,2}))?$/;
const NUSD_DIGITS = 9;

/** The figures that a file with these columns has, or the columns that it lacks. */
export function figuresOf(
  shape: ExportShape,
  columns: ReadonlySet<string>,
): { figures: ProviderFigure[] } | { missing: string[] } {
  const asked = Object.entries(shape.figures) as [ProviderFigure, readonly string[]][];
  const isThere = ([, names]: (typeof asked)[number]) => names.every((name) => columns.has(name));
  const given = shape.isPartial ? asked.filter(isThere) : asked;
  const needed = [
    shape.day,
    shape.model,
    ...Object.keys(shape.fixed ?? {}),
    ...(given.length > 0 ? given : asked).flatMap(([, names]) => names),
  ];
  const missing = needed.filter((name) => !columns.has(name));
  return missing.length > 0 ? { missing } : { figures: given.map(([figure]) => figure) };
}

/**
 * Reads one row. Null for one that tells of no model: consoles write such rows for times without usage.
 * @param today the last day that there can be usage of
 */
export function readExportRow(
  shape: ExportShape,
  cell: (column: string) => string,
  { figures, today }: { figures: readonly ProviderFigure[]; today: string },
): { row: ExportRow | null; faults: RowFault[] } {
  const faults: RowFault[] = [];
  const model = shape.model === 'line_item' ? cell(shape.model).split(',', 1)[0]!.trim() : cell(shape.model).trim();
  if (model === '') return { row: null, faults };
  if (model.length > MODEL_LENGTH_MAX)
    faults.push({ column: shape.model, rule: `must have at most ${MODEL_LENGTH_MAX} characters` });
  const day = DAY.exec(cell(shape.day))?.[1];
  if (day === undefined || !isDay(day))
    faults.push({ column: shape.day, rule: 'must begin with a day such as 2026-05-10' });
  else if (day > today) faults.push({ column: shape.day, rule: 'must not be in the future' });
  for (const [column, value] of Object.entries(shape.fixed ?? {})) {
    if (cell(column).toLowerCase() !== value) faults.push({ column, rule: `must be ${value}` });
  }
  const read: ProviderFigures = {};
  for (const figure of figures) {
    const unit: Amount = figure === 'costNusd' ? 'usd' : 'count';
    read[figure] = (shape.figures[figure] ?? []).reduce((sum, column) => {
      const amount = parseAmount(cell(column), unit);
      if (amount === null) faults.push({ column, rule: RULES[unit] });
      return sum + (amount ?? 0n);
    }, 0n);
  }
  return { row: faults.length > 0 ? null : { day: day!, model, figures: read }, faults };
}

const RULES: Readonly<Record<Amount, string>> = {
  count: 'must be a whole number that is not negative',
  usd: 'must be an amount in USD that is not negative, e.g. 12.50',
};

/** An empty cell is nothing used. Amounts are rounded to the nearest nano-USD. */
function parseAmount(text: string, unit: Amount): bigint | null {
  if (text === '') return 0n;
  if (unit === 'count') {
    const whole = COUNT.exec(text)?.[1];
    return whole === undefined ? null : BigInt(whole);
  }
  const [, whole, fraction = '', exponent = '0'] = USD.exec(text) ?? [];
  if (whole === undefined) return null;
  const digits = fraction.length + Number(exponent);
  const value = BigInt(whole + fraction);
  if (digits <= NUSD_DIGITS) return value * 10n ** BigInt(NUSD_DIGITS - digits);
  const unitOf = 10n ** BigInt(digits - NUSD_DIGITS);
  return (value + unitOf / 2n) / unitOf;
}

/**
 * What a model may be called in the catalogue that a provider's file calls `written`: files name dated snapshots (`gpt-5-2025-08-07`,
 * `claude-sonnet-4-5-20250929`) and display names (`Claude Sonnet 4.5`). The likeliest first.
 */
export function catalogueNames(written: string): string[] {
  const plain = written.toLowerCase().replaceAll(' ', '-');
  const undated = plain.replace(/-(\d{4}-\d{2}-\d{2}|\d{8})$/, '');
  return [...new Set([written, plain, undated, plain.replaceAll('.', '-'), undated.replaceAll('.', '-')])];
}
