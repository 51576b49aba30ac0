import type { ParameterConstraints } from '../../src/models/domain/parameter-constraint.js';
import { figureSources, type CatalogueEntry } from './catalogue-entry.js';

const DATE = '2026-07-31';
const PRICES = 'OpenAI price list, as in LiteLLM model_prices_and_context_window.json';
const LIMITS = 'OpenAI model pages, as in LiteLLM model_prices_and_context_window.json';
const API = 'OpenAI API reference and GPT-5 guide';
const IMAGES = 'OpenAI images and vision guide';
const ACCEPTED = 'Product definition';

const IMAGE_LIMITS = { imagesMax: 500, imageBytesMax: 20 * 1024 * 1024, imageSideMax: 16_384 };
const PATCHES = {
  strategy: 'openai_patches',
  patchSize: 32,
  patchBudget: 1_536,
  sideMax: 2_048,
  ...IMAGE_LIMITS,
} as const;

/** What the reasoning models of this family refuse upstream, with the values they accept nevertheless. */
function gpt5Constraints(model: string): ParameterConstraints {
  const reason = `${model} does not support this parameter`;
  return {
    temperature: { supported: true, allowedValues: [1], default: 1, reason: `${model} only supports temperature=1` },
    top_p: { supported: false, default: 1, reason },
    max_tokens: {
      supported: true,
      alternativeName: 'max_completion_tokens',
      reason: 'Use max_completion_tokens parameter for GPT-5 models',
    },
    max_completion_tokens: { supported: true, min: 1, max: 128_000, default: 4_096 },
    presence_penalty: { supported: false, default: 0, reason },
    frequency_penalty: { supported: false, default: 0, reason },
    stop: { supported: false, reason },
    logit_bias: { supported: false, reason },
    logprobs: { supported: false, default: false, reason },
    top_logprobs: { supported: false, reason },
    n: { supported: true, min: 1, max: 128, default: 1 },
    reasoning_effort: { supported: true, allowedValues: ['minimal', 'low', 'medium', 'high'], default: 'medium' },
    verbosity: { supported: true, allowedValues: ['low', 'medium', 'high'], default: 'medium' },
  };
}

export const OPENAI_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'gpt-5',
    name: 'gpt-5',
    provider: 'openai',
    meta: {
      displayName: 'GPT-5',
      description: 'OpenAI’s general model for reasoning, code and images.',
      version: '5',
      capabilities: ['text', 'vision', 'function_calling'],
      contextLength: 128_000,
      maxOutputTokens: 128_000,
      inputCostPerMillionTokens: 1_250,
      outputCostPerMillionTokens: 10_000,
      providerCosts: { cachedInput: 125 },
      creditsPer1kTokens: 2,
      requiredTier: 'pro_max',
      parameterConstraints: gpt5Constraints('GPT-5'),
      imageTokens: { strategy: 'openai_tiles', baseTokens: 70, tileTokens: 140, perImageMax: 1_190, ...IMAGE_LIMITS },
      providerMetadata: figureSources(
        { limits: ACCEPTED, prices: PRICES, constraints: API, imageTokens: IMAGES },
        DATE,
      ),
    },
  },
  {
    id: 'gpt-5-mini',
    name: 'gpt-5-mini',
    provider: 'openai',
    meta: {
      displayName: 'GPT-5 Mini',
      description: 'A faster, cheaper GPT-5 for well-defined tasks.',
      version: '5',
      capabilities: ['text', 'vision', 'function_calling'],
      contextLength: 400_000,
      maxOutputTokens: 128_000,
      inputCostPerMillionTokens: 250,
      outputCostPerMillionTokens: 2_000,
      providerCosts: { cachedInput: 25 },
      creditsPer1kTokens: 0.4,
      parameterConstraints: {
        temperature: {
          supported: true,
          allowedValues: [1.0],
          default: 1.0,
          reason: 'GPT-5-mini only supports temperature=1.0',
        },
        max_tokens: {
          supported: true,
          min: 1,
          max: 4096,
          default: 1000,
          alternativeName: 'max_completion_tokens',
          reason: 'Use max_completion_tokens parameter for GPT-5 models',
        },
        top_p: { supported: true, min: 0, max: 1, default: 1, mutuallyExclusiveWith: ['temperature'] },
        presence_penalty: { supported: true, min: -2, max: 2, default: 0 },
        frequency_penalty: { supported: true, min: -2, max: 2, default: 0 },
        stop: { supported: true, maxItems: 4 },
        n: { supported: true, min: 1, max: 8, default: 1 },
      },
      imageTokens: { ...PATCHES, multiplierThousandths: 1_620, perImageMax: 2_489 },
      providerMetadata: figureSources(
        { limits: LIMITS, prices: PRICES, constraints: ACCEPTED, imageTokens: IMAGES },
        DATE,
      ),
    },
  },
  {
    id: 'gpt-5-nano',
    name: 'gpt-5-nano',
    provider: 'openai',
    meta: {
      displayName: 'GPT-5 Nano',
      description: 'The smallest GPT-5, for classification and short answers.',
      version: '5',
      capabilities: ['text', 'vision', 'function_calling'],
      contextLength: 400_000,
      maxOutputTokens: 128_000,
      inputCostPerMillionTokens: 50,
      outputCostPerMillionTokens: 400,
      providerCosts: { cachedInput: 5 },
      creditsPer1kTokens: 0.1,
      requiredTier: 'free',
      parameterConstraints: gpt5Constraints('GPT-5 Nano'),
      imageTokens: { ...PATCHES, multiplierThousandths: 2_460, perImageMax: 3_779 },
      providerMetadata: figureSources({ limits: LIMITS, prices: PRICES, constraints: API, imageTokens: IMAGES }, DATE),
    },
  },
  {
    id: 'gpt-4o',
    name: 'gpt-4o',
    provider: 'openai',
    isLegacy: true,
    meta: {
      displayName: 'GPT-4o',
      description: 'OpenAI’s earlier multimodal model.',
      version: '4o',
      capabilities: ['text', 'vision', 'function_calling'],
      contextLength: 128_000,
      maxOutputTokens: 16_384,
      inputCostPerMillionTokens: 2_500,
      outputCostPerMillionTokens: 10_000,
      providerCosts: { cachedInput: 1_250 },
      creditsPer1kTokens: 2,
      legacyReplacementModelId: 'gpt-5',
      deprecationNotice: 'GPT-4o is kept for existing work; GPT-5 follows it.',
      parameterConstraints: {
        temperature: { supported: true, min: 0, max: 2, default: 1 },
        top_p: { supported: true, min: 0, max: 1, default: 1 },
        max_tokens: { supported: true, min: 1, max: 16_384, default: 4_096 },
        max_completion_tokens: { supported: true, min: 1, max: 16_384, default: 4_096 },
        presence_penalty: { supported: true, min: -2, max: 2, default: 0 },
        frequency_penalty: { supported: true, min: -2, max: 2, default: 0 },
        stop: { supported: true, maxItems: 4 },
        n: { supported: true, min: 1, max: 128, default: 1 },
        logprobs: { supported: true, default: false },
        top_logprobs: { supported: true, min: 0, max: 20 },
      },
      parameterRules: [
        {
          parameters: ['top_logprobs'],
          unless: { parameter: 'logprobs', in: [true] },
          reason: 'top_logprobs needs logprobs: true',
        },
      ],
      imageTokens: { strategy: 'openai_tiles', baseTokens: 85, tileTokens: 170, perImageMax: 1_445, ...IMAGE_LIMITS },
      providerMetadata: figureSources({ limits: LIMITS, prices: PRICES, constraints: API, imageTokens: IMAGES }, DATE),
    },
  },
];
