import type { Capability, ModelMeta } from './model-meta.js';
import type { ParameterConstraints } from './parameter-constraint.js';

/** The members of an entry of LiteLLM's `model_prices_and_context_window.json` that mean something here. Costs are USD per token. */
interface LiteLlmEntry {
  litellm_provider?: unknown;
  mode?: unknown;
  max_tokens?: unknown;
  max_input_tokens?: unknown;
  max_output_tokens?: unknown;
  input_cost_per_token?: unknown;
  output_cost_per_token?: unknown;
  cache_read_input_token_cost?: unknown;
  cache_creation_input_token_cost?: unknown;
  deprecation_date?: unknown;
  supports_vision?: unknown;
  supports_function_calling?: unknown;
  [key: string]: unknown;
}

export interface PricedEntry {
  id: string;
  name: string;
  provider: string;
  meta: Record<string, unknown>;
}

export interface LiteLlmOptions {
  /** Models that are there: their costs and limits follow, all else of them stays. */
  existing: readonly { id: string; name: string; provider: string; meta: unknown }[];
  ids?: readonly string[] | undefined;
  creditsPerUsd: number;
  /** UTC. A model whose end has come is none to begin with. */
  today: string;
}

const SOURCE = 'LiteLLM model_prices_and_context_window.json';
const NANO = 1_000_000_000;
/** The file describes its own shape in an entry of this name. */
const SPECIMEN = 'sample_spec';
const MODES = ['chat', 'completion', 'responses', 'embedding'];
/** Providers that are called otherwise there. */
const PROVIDERS: ReadonlyMap<string, string> = new Map([['gemini', 'google']]);
/** Long context is told by a suffix with the bound in it. */
const LONG_CONTEXT = /^input_cost_per_token_above_(\d+)k_tokens$/;

/**
 * LiteLLM's price map as models of this catalogue. Whatever it says is a proposal: the same checks and the same preview follow as for any
 * document.
 */
export function fromLiteLlm(
  prices: Readonly<Record<string, unknown>>,
  { existing, ids, creditsPerUsd, today }: LiteLlmOptions,
): { entries: PricedEntry[]; skipped: { id: string; reason: string }[] } {
  const entries: PricedEntry[] = [];
  const skipped: { id: string; reason: string }[] = [];
  const known = new Map(existing.map((model) => [model.id, model]));
  for (const id of ids ?? Object.keys(prices)) {
    const source = Object.hasOwn(prices, id) ? (prices[id] as LiteLlmEntry | null) : undefined;
    const reason = reasonToSkip(id, source);
    if (reason !== null || !source) {
      skipped.push({ id, reason: reason ?? 'is not in the price map' });
      continue;
    }
    const model = known.get(id);
    const endsAt = endOf(source);
    if (!model && endsAt !== undefined && endsAt <= today) {
      skipped.push({ id, reason: `has ended: its deprecation_date is ${endsAt}` });
      continue;
    }
    const figures = figuresOf(source);
    const meta = model
      ? updated(model.meta as ModelMeta, figures)
      : { ...figures, ...newMeta(id, source), ...creditsOf(figures, creditsPerUsd) };
    const { name, provider } = model ?? upstreamOf(id, source);
    entries.push({ id, name, provider, meta: withSource(meta, model?.meta) });
  }
  return { entries, skipped };
}

function reasonToSkip(id: string, source: LiteLlmEntry | null | undefined): string | null {
  if (typeof source !== 'object' || source === null) return 'is not in the price map';
  if (id === SPECIMEN) return 'describes the shape of the file';
  if (!MODES.includes(String(source.mode))) return `has the mode ${String(source.mode)}; taken are ${MODES.join(', ')}`;
  if (nano(source.input_cost_per_token) === null) return 'has no input_cost_per_token';
  if (tokenCount(source.max_input_tokens ?? source.max_tokens) === null) return 'has no max_input_tokens';
  if (source.mode === 'embedding') return null;
  if (nano(source.output_cost_per_token) === null) return 'has no output_cost_per_token';
  if (outputOf(source) === null) return 'has no max_output_tokens';
  return null;
}

/** LiteLLM puts the provider before the name of most models, to find the way there; the provider itself knows them without. */
function upstreamOf(id: string, { litellm_provider: prefix }: LiteLlmEntry): { name: string; provider: string } {
  const provider = String(prefix);
  const name = id.startsWith(`${provider}/`) ? id.slice(provider.length + 1) : id;
  return { name, provider: PROVIDERS.get(provider) ?? provider };
}

function outputOf(source: LiteLlmEntry): number | null {
  return tokenCount(source.max_output_tokens ?? source.max_tokens);
}

type Figures = Pick<
  ModelMeta,
  | 'contextLength'
  | 'maxOutputTokens'
  | 'inputCostPerMillionTokens'
  | 'outputCostPerMillionTokens'
  | 'providerCosts'
  | 'longContext'
>;

function figuresOf(source: LiteLlmEntry): Figures {
  const input = tokenCount(source.max_input_tokens ?? source.max_tokens) ?? 1;
  const output = source.mode === 'embedding' ? 0 : (outputOf(source) ?? 0);
  const cachedInput = nano(source.cache_read_input_token_cost);
  const cacheWrite = nano(source.cache_creation_input_token_cost);
  const longContext = longContextOf(source, input);
  return {
    contextLength: Math.max(input, output),
    maxOutputTokens: output,
    inputCostPerMillionTokens: nano(source.input_cost_per_token)!,
    outputCostPerMillionTokens: nano(source.output_cost_per_token) ?? 0,
    ...((cachedInput !== null || cacheWrite !== null) && {
      providerCosts: { ...(cachedInput !== null && { cachedInput }), ...(cacheWrite !== null && { cacheWrite }) },
    }),
    ...(longContext && { longContext }),
  };
}

function longContextOf(source: LiteLlmEntry, contextLength: number): ModelMeta['longContext'] | null {
  const thousands = Object.keys(source).flatMap((key) => LONG_CONTEXT.exec(key)?.[1] ?? []);
  const [bound] = thousands.map(Number).toSorted((a, b) => a - b);
  if (bound === undefined || bound * 1_000 >= contextLength) return null;
  const at = (name: string): number | null => nano(source[`${name}_above_${bound}k_tokens`]);
  const parts = {
    input: at('input_cost_per_token'),
    output: at('output_cost_per_token'),
    cachedInput: at('cache_read_input_token_cost'),
    cacheWrite: at('cache_creation_input_token_cost'),
  };
  const costs = Object.fromEntries(Object.entries(parts).filter(([, cost]) => cost !== null));
  return { aboveInputTokens: bound * 1_000, costs };
}

function newMeta(
  id: string,
  source: LiteLlmEntry,
): Pick<ModelMeta, 'displayName' | 'capabilities' | 'sunsetDate' | 'parameterConstraints'> {
  const capabilities: Capability[] = source.mode === 'embedding' ? ['embedding'] : ['text', 'chat'];
  if (source.supports_vision === true) capabilities.push('vision');
  if (source.supports_function_calling === true) capabilities.push('function_calling');
  const sunsetDate = endOf(source);
  return {
    displayName: id,
    capabilities,
    ...(sunsetDate && { sunsetDate }),
    // What is sent unasked must be what the provider takes: its newer models know this name alone, its older ones both.
    ...(source.litellm_provider === 'openai' && source.mode !== 'embedding' && { parameterConstraints: NEWER_LIMIT }),
  };
}

const NEWER_LIMIT: ParameterConstraints = {
  max_tokens: { supported: true, alternativeName: 'max_completion_tokens' },
};

function endOf(source: LiteLlmEntry): string | undefined {
  return /^\d{4}-\d{2}-\d{2}$/.exec(String(source.deprecation_date))?.[0];
}

/** Credits in proportion to the costs, rounded up to the thousandths that a price has. */
function creditsOf(figures: Figures, creditsPerUsd: number): Pick<ModelMeta, 'creditRates' | 'longContext'> {
  const rate = (cost: number | undefined): number => Math.ceil(((cost ?? 0) / 1_000) * creditsPerUsd - 1e-9) / 1_000;
  const { inputCostPerMillionTokens: input, outputCostPerMillionTokens: output, providerCosts, longContext } = figures;
  const rates = (costs: Record<string, number | undefined>) =>
    Object.fromEntries(
      Object.entries(costs).flatMap(([part, cost]) => (cost === undefined ? [] : [[part, rate(cost)]])),
    );
  return {
    creditRates: rates({ input, output, ...providerCosts }),
    ...(longContext && { longContext: { ...longContext, creditRates: rates(longContext.costs) } }),
  };
}

/** What an operator has checked by hand is not overwritten. */
function updated(meta: ModelMeta, figures: Figures): Record<string, unknown> {
  const { contextLength, maxOutputTokens, longContext, providerCosts, ...costs } = figures;
  const told = meta.longContext;
  return {
    ...meta,
    ...(!isChecked(meta, 'limits') && { contextLength, maxOutputTokens }),
    ...(!isChecked(meta, 'prices') && {
      ...costs,
      ...(providerCosts && { providerCosts: { ...meta.providerCosts, ...providerCosts } }),
      ...(longContext && { longContext: { ...told, ...longContext, costs: { ...told?.costs, ...longContext.costs } } }),
    }),
  };
}

type FigureRecord = { figures?: Record<string, { source?: string; isCheckedByHand?: boolean } | undefined> };

function isChecked({ providerMetadata }: ModelMeta, kind: string): boolean {
  return (providerMetadata as FigureRecord | undefined)?.figures?.[kind]?.isCheckedByHand === true;
}

/** Names the source of what was taken from it. */
function withSource(meta: Record<string, unknown>, before: unknown): Record<string, unknown> {
  const { providerMetadata } = (before ?? {}) as ModelMeta;
  const figures = { ...(providerMetadata as FigureRecord | undefined)?.figures };
  for (const kind of ['limits', 'prices']) {
    if (figures[kind]?.isCheckedByHand !== true) figures[kind] = { source: SOURCE, isCheckedByHand: false };
  }
  return { ...meta, providerMetadata: { ...providerMetadata, figures } };
}

/** USD per token as nano-USD per token, upwards: a cost is never told too low. */
function nano(cost: unknown): number | null {
  if (typeof cost !== 'number' || !Number.isFinite(cost) || cost < 0) return null;
  const exact = cost * NANO;
  return Math.abs(exact - Math.round(exact)) < 1e-6 ? Math.round(exact) : Math.ceil(exact);
}

function tokenCount(value: unknown): number | null {
  const count = typeof value === 'string' ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : null;
}
