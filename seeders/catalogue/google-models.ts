import type { ParameterConstraints } from '../../src/models/domain/parameter-constraint.js';
import { figureSources, type CatalogueEntry } from './catalogue-entry.js';

const DATE = '2026-07-31';
const DOCUMENTATION = 'Google Gemini API model and pricing pages';
const API = 'Google Gemini API reference and js-genai';
const IMAGES = 'Google Gemini API image understanding guide';
const ACCEPTED = 'Product definition';

/** 258 tokens for each tile of 768 pixels: an image as large as is taken has 6 × 6 of them. */
export const TILES = {
  strategy: 'gemini_tiles',
  tileTokens: 258,
  sideMax: 768,
  perImageMax: 9_288,
  imagesMax: 100,
  imageBytesMax: 20 * 1024 * 1024,
  imageSideMax: 4_096,
} as const;

const NOT_OFFERED = 'Google does not offer this parameter';

export function geminiConstraints(maxOutputTokens: number): ParameterConstraints {
  return {
    temperature: { supported: true, min: 0, max: 2, default: 1 },
    max_tokens: { supported: true, min: 1, max: maxOutputTokens, default: 4_096 },
    top_p: { supported: true, min: 0, max: 1 },
    top_k: { supported: true, min: 1 },
    n: { supported: false, default: 1, reason: 'One answer at a time: send the request again for another' },
    stop: { supported: true, maxItems: 5 },
    presence_penalty: { supported: true, min: -2, max: 2, default: 0 },
    frequency_penalty: { supported: true, min: -2, max: 2, default: 0 },
    logit_bias: { supported: false, reason: NOT_OFFERED },
    logprobs: { supported: false, default: false, reason: NOT_OFFERED },
    top_logprobs: { supported: false, reason: NOT_OFFERED },
    verbosity: { supported: false, default: 'medium', reason: NOT_OFFERED },
  };
}

/** The generation that takes no penalties in this API. */
export function gemini25Constraints(maxOutputTokens: number): ParameterConstraints {
  const refused = { supported: false, default: 0, reason: 'Gemini 2.5 takes no penalties' };
  return { ...geminiConstraints(maxOutputTokens), presence_penalty: refused, frequency_penalty: refused };
}

export const GOOGLE_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'gemini-2.5-pro',
    name: 'gemini-2.5-pro',
    provider: 'google',
    meta: {
      displayName: 'Gemini 2.5 Pro',
      description: 'Google’s model for reasoning over very long text, code and images.',
      version: '2.5',
      aliases: ['gemini-2-5'],
      capabilities: ['text', 'vision', 'function_calling', 'code', 'long_context'],
      contextLength: 1_048_576,
      maxOutputTokens: 65_536,
      inputCostPerMillionTokens: 1_250,
      outputCostPerMillionTokens: 10_000,
      providerCosts: { cachedInput: 125 },
      creditsPer1kTokens: 2,
      longContext: {
        aboveInputTokens: 200_000,
        costs: { input: 2_500, output: 15_000, cachedInput: 250 },
        creditRates: { input: 4, output: 3 },
      },
      requiredTier: 'pro_max',
      parameterConstraints: gemini25Constraints(65_536),
      imageTokens: TILES,
      providerMetadata: figureSources(
        { limits: DOCUMENTATION, prices: DOCUMENTATION, constraints: API, imageTokens: IMAGES },
        DATE,
      ),
    },
  },
  {
    id: 'gemini-2.0-pro',
    name: 'gemini-2.0-pro',
    provider: 'google',
    meta: {
      displayName: 'Gemini 2.0 Pro',
      description: 'Google’s earlier model with a context of two million tokens.',
      version: '2.0',
      capabilities: ['text', 'vision', 'long_context'],
      contextLength: 2_000_000,
      maxOutputTokens: 8_192,
      inputCostPerMillionTokens: 1_250,
      outputCostPerMillionTokens: 10_000,
      creditsPer1kTokens: 1,
      parameterConstraints: geminiConstraints(8_192),
      imageTokens: TILES,
      providerMetadata: figureSources(
        { limits: ACCEPTED, prices: 'Unverified: the price of gemini-2.5-pro', constraints: API, imageTokens: IMAGES },
        DATE,
      ),
    },
  },
  {
    id: 'gemini-1.5-pro',
    name: 'gemini-1.5-pro',
    provider: 'google',
    isLegacy: true,
    meta: {
      displayName: 'Gemini 1.5 Pro',
      description: 'Google’s first model with a context of two million tokens.',
      version: '1.5',
      capabilities: ['text', 'vision', 'long_context'],
      contextLength: 2_097_152,
      maxOutputTokens: 8_192,
      inputCostPerMillionTokens: 1_250,
      outputCostPerMillionTokens: 5_000,
      creditsPer1kTokens: 1,
      longContext: {
        aboveInputTokens: 128_000,
        costs: { input: 2_500, output: 10_000 },
        creditRates: { input: 2, output: 2 },
      },
      legacyReplacementModelId: 'gemini-2.5-pro',
      deprecationNotice: 'Gemini 1.5 Pro is kept for existing work; Gemini 2.5 Pro follows it.',
      parameterConstraints: geminiConstraints(8_192),
      imageTokens: TILES,
      providerMetadata: figureSources(
        {
          limits: `Unverified: ${DOCUMENTATION}`,
          prices: `Unverified: ${DOCUMENTATION}`,
          constraints: API,
          imageTokens: IMAGES,
        },
        DATE,
      ),
    },
  },
];
