import { figureSources, type CatalogueEntry } from './catalogue-entry.js';

const UNVERIFIED = 'Unverified: xAI model and pricing documentation';

export const XAI_MODELS: readonly CatalogueEntry[] = [
  {
    id: 'grok-beta',
    name: 'grok-beta',
    provider: 'xai',
    isLegacy: true,
    meta: {
      displayName: 'Grok Beta',
      description: 'xAI’s first public model.',
      version: 'beta',
      capabilities: ['text', 'function_calling'],
      contextLength: 131_072,
      maxOutputTokens: 131_072,
      inputCostPerMillionTokens: 5_000,
      outputCostPerMillionTokens: 15_000,
      creditsPer1kTokens: 3,
      deprecationNotice: 'Grok Beta is kept for existing work.',
      parameterConstraints: {
        temperature: { supported: true, min: 0, max: 2, default: 1, onViolation: 'warn' },
        top_p: { supported: true, min: 0, max: 1, default: 1, onViolation: 'warn' },
        max_tokens: { supported: true, min: 1, max: 131_072, default: 4_096 },
        n: { supported: true, min: 1, max: 128, default: 1 },
      },
      providerMetadata: figureSources(
        { limits: UNVERIFIED, prices: UNVERIFIED, constraints: UNVERIFIED },
        '2026-07-31',
      ),
    },
  },
];
