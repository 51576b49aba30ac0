import type { ParameterConstraint, ParameterConstraints } from '../../src/models/domain/parameter-constraint.js';
import { figureSources, type CatalogueEntry } from './catalogue-entry.js';
import { priced, type ListPrice } from './catalogue-price.js';

const DATE = '2026-08-31';
const DOCUMENTATION = 'Anthropic model and pricing documentation';
const API = 'Anthropic API reference and SDK';
const IMAGES = 'Anthropic vision guide';

/** What the provider adds to the prompt as soon as tools are offered. */
const TOOL_PROMPT_TOKENS = 346;
/** Anthropic publishes no limit: as many as any model takes here. */
const STOPS_MAX = 64;
const NOT_OFFERED = 'Anthropic models do not offer this parameter';

interface Claude {
  id: string;
  displayName: string;
  description: string;
  version: string;
  contextLength: number;
  maxOutputTokens: number;
  price: ListPrice;
  /** `free`: both sampling parameters at once are discouraged only; `either`: refused; `none`: only their defaults. */
  sampling: 'free' | 'either' | 'none';
  efforts?: string[];
  legacy?: { successor: string; notice: string };
}

function constraintsOf({ displayName, sampling, efforts, maxOutputTokens }: Claude): ParameterConstraints {
  const refused = (value?: ParameterConstraint['default']): ParameterConstraint => ({
    supported: false,
    ...(value !== undefined && { default: value }),
    reason: NOT_OFFERED,
  });
  const isFixed = sampling === 'none';
  const fixed = `${displayName} only takes the default`;
  return {
    temperature: isFixed
      ? { supported: true, allowedValues: [1], default: 1, reason: fixed }
      : { supported: true, min: 0, max: 1, default: 1, reason: 'Anthropic models support temperature 0-1' },
    top_p: {
      supported: true,
      min: isFixed ? 0.99 : 0,
      max: 1,
      default: 1,
      ...(sampling === 'either' && { mutuallyExclusiveWith: ['temperature'] }),
      ...(isFixed && { reason: fixed }),
    },
    top_k: isFixed ? { supported: false, reason: `${displayName} does not take top_k` } : { supported: true, min: 0 },
    max_tokens: { supported: true, min: 1, max: maxOutputTokens, default: 4_096 },
    stop: { supported: true, maxItems: STOPS_MAX },
    n: refused(1),
    presence_penalty: refused(0),
    frequency_penalty: refused(0),
    logit_bias: refused(),
    logprobs: refused(false),
    top_logprobs: refused(),
    seed: refused(),
    verbosity: refused('medium'),
    ...(efforts && { reasoning_effort: { supported: true, allowedValues: efforts } }),
  };
}

function claude(model: Claude): CatalogueEntry {
  const { id, displayName, description, version, contextLength, maxOutputTokens, legacy, sampling } = model;
  // From 4.7 on images are seen in a higher resolution.
  const [patchBudget, sideMax] = sampling === 'none' ? [4_784, 2_576] : [1_568, 1_568];
  return {
    id,
    name: id,
    provider: 'anthropic',
    ...(legacy && { isLegacy: true }),
    meta: {
      displayName,
      description,
      version,
      capabilities: [
        'text',
        'vision',
        'function_calling',
        'code',
        ...(contextLength >= 1_000_000 ? (['long_context'] as const) : []),
      ],
      contextLength,
      maxOutputTokens,
      toolPromptTokens: TOOL_PROMPT_TOKENS,
      ...priced(model.price),
      ...(legacy && { legacyReplacementModelId: legacy.successor, deprecationNotice: legacy.notice }),
      parameterConstraints: constraintsOf(model),
      imageTokens: {
        strategy: 'anthropic_patches',
        patchSize: 28,
        patchBudget,
        sideMax,
        perImageMax: patchBudget,
        imagesMax: contextLength > 200_000 ? 600 : 100,
        imageBytesMax: 10 * 1024 * 1024,
        imageSideMax: 8_000,
      },
      providerMetadata: figureSources(
        { limits: DOCUMENTATION, prices: DOCUMENTATION, constraints: API, imageTokens: IMAGES },
        DATE,
      ),
    },
  };
}

const OPUS: ListPrice = { input: 5, output: 25, cachedInput: 0.5, cacheWrite: 6.25 };
const OLD_OPUS: ListPrice = { input: 15, output: 75, cachedInput: 1.5, cacheWrite: 18.75 };
const LATER_EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];
const LATER = { contextLength: 1_000_000, maxOutputTokens: 128_000, sampling: 'none', efforts: LATER_EFFORTS } as const;

export const ANTHROPIC_LATER_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'claude-opus-4-20250514',
    displayName: 'Claude Opus 4',
    description: 'Anthropic’s large model of 2025.',
    version: '4',
    contextLength: 200_000,
    maxOutputTokens: 32_000,
    price: OLD_OPUS,
    sampling: 'free' as const,
    legacy: {
      successor: 'claude-opus-4-5',
      notice: 'Deprecated by Anthropic on 2026-05-14; Claude Opus 4.5 follows it.',
    },
  },
  {
    id: 'claude-opus-4-1',
    displayName: 'Claude Opus 4.1',
    description: 'Anthropic’s large model of the summer of 2025.',
    version: '4.1',
    contextLength: 200_000,
    maxOutputTokens: 32_000,
    price: OLD_OPUS,
    sampling: 'either' as const,
    legacy: {
      successor: 'claude-opus-4-5',
      notice: 'Deprecated by Anthropic on 2026-08-05; Claude Opus 4.5 follows it.',
    },
  },
  {
    id: 'claude-haiku-4-5',
    displayName: 'Claude Haiku 4.5',
    description: 'Anthropic’s small, fast model.',
    version: '4.5',
    contextLength: 200_000,
    maxOutputTokens: 64_000,
    price: { input: 1, output: 5, cachedInput: 0.1, cacheWrite: 1.25 },
    sampling: 'either' as const,
  },
  {
    id: 'claude-opus-4-5',
    displayName: 'Claude Opus 4.5',
    description: 'Anthropic’s large model for difficult work.',
    version: '4.5',
    contextLength: 200_000,
    maxOutputTokens: 64_000,
    price: OPUS,
    sampling: 'either' as const,
    efforts: ['low', 'medium', 'high'],
  },
  {
    id: 'claude-opus-4-6',
    displayName: 'Claude Opus 4.6',
    description: 'Anthropic’s large model with a context of a million tokens.',
    version: '4.6',
    contextLength: 1_000_000,
    maxOutputTokens: 128_000,
    price: OPUS,
    sampling: 'either' as const,
    efforts: ['low', 'medium', 'high', 'max'],
  },
  {
    id: 'claude-sonnet-4-6',
    displayName: 'Claude Sonnet 4.6',
    description: 'Anthropic’s balanced model with a context of a million tokens.',
    version: '4.6',
    contextLength: 1_000_000,
    maxOutputTokens: 64_000,
    price: { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 },
    sampling: 'either' as const,
    efforts: ['low', 'medium', 'high', 'max'],
  },
  {
    id: 'claude-opus-4-7',
    displayName: 'Claude Opus 4.7',
    description: 'Anthropic’s large model that decides itself how much to think.',
    version: '4.7',
    price: OPUS,
    ...LATER,
  },
  {
    id: 'claude-opus-4-8',
    displayName: 'Claude Opus 4.8',
    description: 'A later Claude Opus 4.7.',
    version: '4.8',
    price: OPUS,
    ...LATER,
  },
  {
    id: 'claude-sonnet-5',
    displayName: 'Claude Sonnet 5',
    description: 'Anthropic’s balanced model of the fifth generation.',
    version: '5',
    price: { input: 2, output: 10, cachedInput: 0.2, cacheWrite: 2.5 },
    ...LATER,
  },
  {
    id: 'claude-opus-5',
    displayName: 'Claude Opus 5',
    description: 'Anthropic’s large model of the fifth generation.',
    version: '5',
    price: OPUS,
    ...LATER,
  },
].map((model) => claude({ ...model, efforts: model.efforts && [...model.efforts] } as Claude));
