import type { z } from 'zod';
import type { ModelMeta } from '../../src/models/domain/model-meta.js';
import type { ParameterConstraint, ParameterConstraints } from '../../src/models/domain/parameter-constraint.js';
import { figureSources, type CatalogueEntry } from './catalogue-entry.js';
import { priced, type ListPrice } from './catalogue-price.js';

const DATE = '2026-07-31';
const PRICES = 'OpenAI price list, as in LiteLLM model_prices_and_context_window.json';
const LIMITS = 'OpenAI model pages, as in LiteLLM model_prices_and_context_window.json';
const API = 'OpenAI API reference and GPT-5 guide';
const LITELLM_CODE = 'LiteLLM gpt_5_transformation.py';
const IMAGES = 'OpenAI images and vision guide';
const MEASURED = 'Measured by users: OpenAI community thread 1377015';
const unverified = (source: string): string => `Unverified: ${source}`;

const IMAGE_LIMITS = { imagesMax: 500, imageBytesMax: 20 * 1024 * 1024, imageSideMax: 16_384 };

type ImageTokens = z.input<typeof ModelMeta>['imageTokens'];

function tiles(baseTokens: number, tileTokens: number): ImageTokens {
  return {
    strategy: 'openai_tiles',
    baseTokens,
    tileTokens,
    perImageMax: baseTokens + 8 * tileTokens,
    ...IMAGE_LIMITS,
  };
}

function patches(multiplierThousandths: number): ImageTokens {
  return {
    strategy: 'openai_patches',
    patchSize: 32,
    patchBudget: 1_536,
    sideMax: 2_048,
    multiplierThousandths,
    perImageMax: Math.ceil((1_536 * multiplierThousandths) / 1_000),
    ...IMAGE_LIMITS,
  };
}

/** Models that can look at an image as it is, up to 10 000 patches. */
function originalPatches(autoDetail: 'high' | 'original'): ImageTokens {
  return {
    strategy: 'openai_patches',
    patchSize: 32,
    patchBudget: 2_500,
    sideMax: 2_048,
    originalPatchBudget: 10_000,
    originalSideMax: 6_000,
    autoDetail,
    multiplierThousandths: 1_200,
    perImageMax: 12_000,
    ...IMAGE_LIMITS,
  };
}

const refused = (reason: string, value?: ParameterConstraint['default']): ParameterConstraint => ({
  supported: false,
  ...(value !== undefined && { default: value }),
  reason,
});

/** What holds for every reasoning model: one name for the output limit, and none of the older sampling controls. */
function reasoningConstraints(model: string, maxOutputTokens: number): ParameterConstraints {
  const reason = `${model} does not support this parameter`;
  return {
    max_tokens: {
      supported: true,
      alternativeName: 'max_completion_tokens',
      reason: `Use max_completion_tokens parameter for ${model}`,
    },
    max_completion_tokens: { supported: true, min: 1, max: maxOutputTokens, default: 4_096 },
    presence_penalty: refused(reason, 0),
    frequency_penalty: refused(reason, 0),
    stop: refused(reason),
    logit_bias: refused(reason),
    n: { supported: true, min: 1, max: 128, default: 1 },
  };
}

interface Model {
  id: string;
  displayName: string;
  description: string;
  version: string;
  contextLength: number;
  maxOutputTokens: number;
  price: ListPrice;
  imageTokens: ImageTokens;
  constraints: ParameterConstraints;
  rules?: z.input<typeof ModelMeta>['parameterRules'];
  sources: { limits: string; constraints: string; imageTokens: string };
}

function entry(model: Model): CatalogueEntry {
  const { id, displayName, description, version, contextLength, maxOutputTokens, imageTokens } = model;
  return {
    id,
    name: id,
    provider: 'openai',
    meta: {
      displayName,
      description,
      version,
      capabilities: [
        'text',
        'vision',
        'function_calling',
        ...(contextLength >= 1_000_000 ? (['long_context'] as const) : []),
      ],
      contextLength,
      maxOutputTokens,
      ...priced(model.price),
      parameterConstraints: model.constraints,
      ...(model.rules && { parameterRules: model.rules }),
      imageTokens,
      providerMetadata: figureSources({ ...model.sources, prices: PRICES }, DATE),
    },
  };
}

function oSeries(
  model: Pick<Model, 'id' | 'displayName' | 'description' | 'version' | 'price' | 'imageTokens'>,
): CatalogueEntry {
  const { displayName } = model;
  const reason = `${displayName} only supports the default`;
  return entry({
    ...model,
    contextLength: 200_000,
    maxOutputTokens: 100_000,
    constraints: {
      ...reasoningConstraints(displayName, 100_000),
      temperature: { supported: true, allowedValues: [1], default: 1, reason },
      top_p: { supported: true, allowedValues: [1], default: 1, reason },
      logprobs: refused(reason, false),
      top_logprobs: refused(reason),
      reasoning_effort: { supported: true, allowedValues: ['low', 'medium', 'high'], default: 'medium' },
    },
    sources: { limits: LIMITS, constraints: API, imageTokens: IMAGES },
  });
}

interface Gpt5Model extends Pick<Model, 'id' | 'displayName' | 'description' | 'version' | 'price' | 'imageTokens'> {
  contextLength?: number;
  efforts: string[];
  /** Only what OpenAI itself says may refuse a request. */
  isRuleVerified: boolean;
  images: string;
}

const EFFORTS = ['none', 'low', 'medium', 'high', 'xhigh'];

/** From 5.1 on, sampling can be controlled while the model does not reason. */
function gpt5(model: Gpt5Model): CatalogueEntry {
  const { displayName, contextLength = 400_000, efforts, isRuleVerified, images } = model;
  return entry({
    ...model,
    contextLength,
    maxOutputTokens: 128_000,
    constraints: {
      ...reasoningConstraints(displayName, 128_000),
      temperature: { supported: true, min: 0, max: 2, default: 1 },
      top_p: { supported: true, min: 0, max: 1, default: 1 },
      logprobs: { supported: true, default: false },
      top_logprobs: { supported: true, min: 0, max: 20 },
      reasoning_effort: { supported: true, allowedValues: efforts, default: 'none' },
      verbosity: { supported: true, allowedValues: ['low', 'medium', 'high'], default: 'medium' },
    },
    rules: [
      {
        parameters: ['temperature', 'top_p', 'logprobs', 'top_logprobs'],
        unless: { parameter: 'reasoning_effort', in: ['none'] },
        reason: `${displayName} takes sampling parameters only while reasoning_effort is none`,
        ...(!isRuleVerified && { onViolation: 'warn' as const }),
      },
    ],
    sources: { limits: LIMITS, constraints: isRuleVerified ? API : unverified(LITELLM_CODE), imageTokens: images },
  });
}

const above272k = (input: number, output: number, cachedInput: number) => ({
  inputTokens: 272_000,
  input,
  output,
  cachedInput,
});

export const OPENAI_LATER_MODELS: readonly CatalogueEntry[] = [
  entry({
    id: 'gpt-4.1',
    displayName: 'GPT-4.1',
    description: 'OpenAI’s model for instructions and very long text, without reasoning.',
    version: '4.1',
    contextLength: 1_047_576,
    maxOutputTokens: 32_768,
    price: { input: 2, output: 8, cachedInput: 0.5 },
    imageTokens: tiles(85, 170),
    constraints: {
      temperature: { supported: true, min: 0, max: 2, default: 1 },
      top_p: { supported: true, min: 0, max: 1, default: 1 },
      max_tokens: { supported: true, min: 1, max: 32_768, default: 4_096 },
      max_completion_tokens: { supported: true, min: 1, max: 32_768, default: 4_096 },
      presence_penalty: { supported: true, min: -2, max: 2, default: 0 },
      frequency_penalty: { supported: true, min: -2, max: 2, default: 0 },
      stop: { supported: true, maxItems: 4 },
      n: { supported: true, min: 1, max: 128, default: 1 },
      logprobs: { supported: true, default: false },
      top_logprobs: { supported: true, min: 0, max: 20 },
    },
    rules: [
      {
        parameters: ['top_logprobs'],
        unless: { parameter: 'logprobs', in: [true] },
        reason: 'top_logprobs needs logprobs: true',
      },
    ],
    sources: { limits: LIMITS, constraints: API, imageTokens: IMAGES },
  }),
  oSeries({
    id: 'o3',
    displayName: 'o3',
    description: 'OpenAI’s reasoning model before GPT-5.',
    version: 'o3',
    price: { input: 2, output: 8, cachedInput: 0.5 },
    imageTokens: tiles(75, 150),
  }),
  oSeries({
    id: 'o4-mini',
    displayName: 'o4-mini',
    description: 'OpenAI’s small reasoning model before GPT-5.',
    version: 'o4',
    price: { input: 1.1, output: 4.4, cachedInput: 0.275 },
    imageTokens: patches(1_720),
  }),
  entry({
    id: 'gpt-5-chat-latest',
    displayName: 'GPT-5 Chat',
    description: 'GPT-5 as ChatGPT has it, without reasoning.',
    version: '5',
    contextLength: 128_000,
    maxOutputTokens: 16_384,
    price: { input: 1.25, output: 10, cachedInput: 0.125 },
    imageTokens: tiles(70, 140),
    constraints: {
      temperature: { supported: true, min: 0, max: 2, default: 1 },
      top_p: { supported: true, min: 0, max: 1, default: 1 },
      max_completion_tokens: { supported: true, min: 1, max: 16_384, default: 4_096 },
      presence_penalty: { supported: true, min: -2, max: 2, default: 0, onViolation: 'warn' },
      frequency_penalty: { supported: true, min: -2, max: 2, default: 0, onViolation: 'warn' },
      n: { supported: true, min: 1, max: 128, default: 1 },
    },
    sources: {
      limits: unverified('public catalogues disagree: 16 384 or 128 000 tokens of output; the smaller is taken'),
      constraints: unverified('litellm #13781'),
      imageTokens: IMAGES,
    },
  }),
  gpt5({
    id: 'gpt-5.1',
    displayName: 'GPT-5.1',
    description: 'GPT-5 with reasoning that can be switched off.',
    version: '5.1',
    efforts: ['none', 'low', 'medium', 'high'],
    isRuleVerified: true,
    price: { input: 1.25, output: 10, cachedInput: 0.125 },
    imageTokens: tiles(70, 140),
    images: unverified('as gpt-5'),
  }),
  gpt5({
    id: 'gpt-5.2',
    displayName: 'GPT-5.2',
    description: 'A later GPT-5 for long and careful work.',
    version: '5.2',
    efforts: EFFORTS,
    isRuleVerified: true,
    price: { input: 1.75, output: 14, cachedInput: 0.175 },
    imageTokens: patches(1_200),
    images: MEASURED,
  }),
  gpt5({
    id: 'gpt-5.4',
    displayName: 'GPT-5.4',
    description: 'GPT-5 with a context of a million tokens.',
    version: '5.4',
    contextLength: 1_050_000,
    efforts: EFFORTS,
    isRuleVerified: false,
    price: { input: 2.5, output: 15, cachedInput: 0.25, above: above272k(5, 22.5, 0.5) },
    imageTokens: originalPatches('high'),
    images: MEASURED,
  }),
  gpt5({
    id: 'gpt-5.4-mini',
    displayName: 'GPT-5.4 Mini',
    description: 'A smaller GPT-5.4.',
    version: '5.4',
    efforts: EFFORTS,
    isRuleVerified: false,
    price: { input: 0.75, output: 4.5, cachedInput: 0.075 },
    imageTokens: originalPatches('high'),
    images: unverified('as gpt-5.4'),
  }),
  gpt5({
    id: 'gpt-5.4-nano',
    displayName: 'GPT-5.4 Nano',
    description: 'The smallest GPT-5.4.',
    version: '5.4',
    efforts: EFFORTS,
    isRuleVerified: false,
    price: { input: 0.2, output: 1.25 },
    imageTokens: originalPatches('high'),
    images: unverified('as gpt-5.4'),
  }),
  gpt5({
    id: 'gpt-5.5',
    displayName: 'GPT-5.5',
    description: 'OpenAI’s large model with a context of a million tokens.',
    version: '5.5',
    contextLength: 1_050_000,
    efforts: EFFORTS,
    isRuleVerified: false,
    price: { input: 5, output: 30, cachedInput: 0.5, above: above272k(10, 45, 1) },
    imageTokens: originalPatches('original'),
    images: MEASURED,
  }),
  gpt5({
    id: 'gpt-5.6',
    displayName: 'GPT-5.6',
    description: 'OpenAI’s large model, with a price for what is written to the cache.',
    version: '5.6',
    contextLength: 1_050_000,
    efforts: EFFORTS,
    isRuleVerified: false,
    price: { input: 5, output: 30, cachedInput: 0.5, cacheWrite: 6.25 },
    imageTokens: originalPatches('original'),
    images: unverified('as gpt-5.5'),
  }),
];
