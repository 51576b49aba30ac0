import { figureSources, type CatalogueEntry } from './catalogue-entry.js';

const DATE = '2026-08-31';
const DOCUMENTATION = 'Anthropic model and pricing documentation';
const API = 'Anthropic API reference and SDK';
const IMAGES = 'Anthropic vision guide';
const ACCEPTED = 'Product definition';

/** What the provider adds to the prompt as soon as tools are offered. */
const TOOL_PROMPT_TOKENS = 346;

const IMAGE_TOKENS = {
  strategy: 'anthropic_patches',
  patchSize: 28,
  patchBudget: 1_568,
  sideMax: 1_568,
  perImageMax: 1_568,
  imagesMax: 100,
  imageBytesMax: 10 * 1024 * 1024,
  imageSideMax: 8_000,
} as const;

const NOT_OFFERED = 'Anthropic models do not offer this parameter';

export const ANTHROPIC_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'claude-sonnet-4-5',
    name: 'claude-sonnet-4-5',
    provider: 'anthropic',
    meta: {
      displayName: 'Claude Sonnet 4.5',
      description: 'Anthropic’s balanced model for code, agents and long documents.',
      version: '4.5',
      aliases: ['claude-sonnet-4.5'],
      capabilities: ['text', 'vision', 'function_calling', 'code'],
      contextLength: 200_000,
      maxOutputTokens: 64_000,
      toolPromptTokens: TOOL_PROMPT_TOKENS,
      inputCostPerMillionTokens: 3_000,
      outputCostPerMillionTokens: 15_000,
      providerCosts: { cachedInput: 300, cacheWrite: 3_750 },
      creditsPer1kTokens: 2,
      parameterConstraints: {
        temperature: {
          supported: true,
          min: 0,
          max: 1,
          default: 1,
          reason: 'Anthropic models support temperature 0-1',
        },
        max_tokens: { supported: true, min: 1, max: 8192, default: 1024 },
        top_p: { supported: true, min: 0, max: 1, default: 1 },
        top_k: { supported: true, min: 1, max: 500, default: 40, reason: 'Anthropic-specific top-k sampling' },
        stop: { supported: true, maxItems: 4 },
      },
      imageTokens: IMAGE_TOKENS,
      providerMetadata: figureSources(
        { limits: DOCUMENTATION, prices: DOCUMENTATION, constraints: ACCEPTED, imageTokens: IMAGES },
        DATE,
      ),
    },
  },
  {
    id: 'claude-3.5-sonnet',
    name: 'claude-3-5-sonnet-20241022',
    provider: 'anthropic',
    meta: {
      displayName: 'Claude 3.5 Sonnet',
      description: 'Anthropic’s earlier balanced model for text, images and code.',
      version: '3.5',
      capabilities: ['text', 'vision', 'code'],
      contextLength: 200_000,
      maxOutputTokens: 8_192,
      toolPromptTokens: TOOL_PROMPT_TOKENS,
      inputCostPerMillionTokens: 3_000,
      outputCostPerMillionTokens: 15_000,
      providerCosts: { cachedInput: 300, cacheWrite: 3_750 },
      creditsPer1kTokens: 2,
      parameterConstraints: {
        temperature: {
          supported: true,
          min: 0,
          max: 1,
          default: 1,
          reason: 'Anthropic models support temperature 0-1',
        },
        max_tokens: { supported: true, min: 1, max: 8_192, default: 1_024 },
        top_p: { supported: true, min: 0, max: 1, default: 1 },
        top_k: { supported: true, min: 0 },
        stop: { supported: true },
        n: { supported: false, default: 1, reason: NOT_OFFERED },
        presence_penalty: { supported: false, default: 0, reason: NOT_OFFERED },
        frequency_penalty: { supported: false, default: 0, reason: NOT_OFFERED },
        logit_bias: { supported: false, reason: NOT_OFFERED },
        logprobs: { supported: false, default: false, reason: NOT_OFFERED },
        top_logprobs: { supported: false, reason: NOT_OFFERED },
        seed: { supported: false, reason: NOT_OFFERED },
        verbosity: { supported: false, default: 'medium', reason: NOT_OFFERED },
      },
      imageTokens: IMAGE_TOKENS,
      providerMetadata: figureSources(
        { limits: ACCEPTED, prices: DOCUMENTATION, constraints: API, imageTokens: IMAGES },
        DATE,
      ),
    },
  },
];
