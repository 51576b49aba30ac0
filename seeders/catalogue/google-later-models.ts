import { figureSources, type CatalogueEntry } from './catalogue-entry.js';
import { priced, type ListPrice } from './catalogue-price.js';
import { gemini25Constraints, geminiConstraints, TILES } from './google-models.js';

const DATE = '2026-07-31';
const DOCUMENTATION = 'Google Gemini API model and pricing pages';
const API = 'Google Gemini API reference and js-genai';
const IMAGES = 'Google Gemini API image understanding guide';
const OUTPUT_TOKENS_MAX = 65_536;

/** From 3 on an image of the default resolution counts one figure, whatever its size. */
const FLAT = {
  strategy: 'gemini_tiles',
  tileTokens: 1_120,
  perImageMin: 1_120,
  perImageMax: 1_120,
  imagesMax: 100,
  imageBytesMax: 20 * 1024 * 1024,
  imageSideMax: 4_096,
} as const;

interface Gemini {
  id: string;
  displayName: string;
  description: string;
  version: string;
  price: ListPrice;
  legacy?: { successor: string; notice: string };
}

function gemini(model: Gemini): CatalogueEntry {
  const { id, displayName, description, version, legacy, price } = model;
  const isThird = Number(version) >= 3;
  const constraints = isThird ? geminiConstraints(OUTPUT_TOKENS_MAX) : gemini25Constraints(OUTPUT_TOKENS_MAX);
  return {
    id,
    name: id,
    provider: 'google',
    ...(legacy && { isLegacy: true }),
    meta: {
      displayName,
      description,
      version,
      capabilities: ['text', 'vision', 'function_calling', 'code', 'long_context'],
      contextLength: 1_048_576,
      maxOutputTokens: OUTPUT_TOKENS_MAX,
      ...priced(price),
      ...(legacy && { legacyReplacementModelId: legacy.successor, deprecationNotice: legacy.notice }),
      parameterConstraints: isThird
        ? {
            ...constraints,
            temperature: {
              ...constraints.temperature!,
              reason: 'Keep 1: lower values may make Gemini 3 repeat itself',
            },
            presence_penalty: { supported: true, min: -2, max: 2, default: 0, onViolation: 'warn' },
            frequency_penalty: { supported: true, min: -2, max: 2, default: 0, onViolation: 'warn' },
          }
        : constraints,
      imageTokens: isThird ? FLAT : TILES,
      providerMetadata: figureSources(
        { limits: DOCUMENTATION, prices: DOCUMENTATION, constraints: API, imageTokens: IMAGES },
        DATE,
      ),
    },
  };
}

const PRO_3: ListPrice = {
  input: 2,
  output: 12,
  cachedInput: 0.2,
  above: { inputTokens: 200_000, input: 4, output: 18, cachedInput: 0.4 },
};

export const GOOGLE_LATER_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'gemini-2.5-flash',
    displayName: 'Gemini 2.5 Flash',
    description: 'Google’s fast model for long text, code and images.',
    version: '2.5',
    price: { input: 0.3, output: 2.5, cachedInput: 0.03 },
  },
  {
    id: 'gemini-2.5-flash-lite',
    displayName: 'Gemini 2.5 Flash-Lite',
    description: 'Google’s smallest model for long text and images.',
    version: '2.5',
    price: { input: 0.1, output: 0.4, cachedInput: 0.01 },
  },
  {
    id: 'gemini-3-pro-preview',
    displayName: 'Gemini 3 Pro Preview',
    description: 'The preview of Google’s third generation.',
    version: '3',
    price: PRO_3,
    legacy: {
      successor: 'gemini-3.1-pro-preview',
      notice: 'Deprecated by Google on 2026-03-26; Gemini 3.1 Pro Preview follows it.',
    },
  },
  {
    id: 'gemini-3.1-pro-preview',
    displayName: 'Gemini 3.1 Pro Preview',
    description: 'Google’s large model of the third generation.',
    version: '3.1',
    price: PRO_3,
  },
  {
    id: 'gemini-3-flash-preview',
    displayName: 'Gemini 3 Flash Preview',
    description: 'Google’s fast model of the third generation.',
    version: '3',
    price: { input: 0.5, output: 3, cachedInput: 0.05 },
  },
  {
    id: 'gemini-3.5-flash',
    displayName: 'Gemini 3.5 Flash',
    description: 'Google’s later fast model of the third generation.',
    version: '3.5',
    price: { input: 1.5, output: 9, cachedInput: 0.15 },
  },
].map(gemini);
