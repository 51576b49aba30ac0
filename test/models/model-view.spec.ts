import { OPENAI_MODELS } from '../../seeders/catalogue/openai-models.js';
import { GOOGLE_MODELS } from '../../seeders/catalogue/google-models.js';
import { decideAvailability } from '../../src/models/domain/availability.js';
import type { CatalogueModel } from '../../src/models/domain/catalogue-model.js';
import { ModelMeta } from '../../src/models/domain/model-meta.js';
import { modelPrices } from '../../src/models/domain/model-prices.js';
import { toModelView } from '../../src/models/model-view.js';

function model(id: string, change: Partial<CatalogueModel> = {}): CatalogueModel {
  const entry = [...OPENAI_MODELS, ...GOOGLE_MODELS].find((candidate) => candidate.id === id)!;
  const meta = ModelMeta.parse(entry.meta);
  return {
    id,
    name: entry.name,
    provider: entry.provider,
    isAvailable: true,
    isLegacy: entry.isLegacy ?? false,
    isArchived: false,
    meta,
    versionNo: 1,
    createdAt: new Date('2026-01-01T00:00:00Z'),
    prices: modelPrices(meta),
    ...change,
  };
}

describe('toModelView', () => {
  it('shows OpenAI’s members and what an app draws its settings with', () => {
    const view = toModelView(model('gpt-5-mini'), 'free', { available: true });
    expect(view).toMatchObject({
      id: 'gpt-5-mini',
      object: 'model',
      created: 1_767_225_600,
      owned_by: 'openai',
      available: true,
      unavailableCode: null,
      tierAllowed: true,
      requiredTier: 'free',
      limits: { contextLength: 400_000, maxOutputTokens: 128_000 },
      price: {
        unit: 'credits per 1000 tokens',
        input: '0.400000',
        output: '0.400000',
        image: '0.400000',
        longContext: null,
      },
    });
    expect(view.parameters['temperature']).toEqual({
      supported: true,
      allowedValues: [1],
      default: 1,
      mutuallyExclusiveWith: [],
      onViolation: 'reject',
      sentAs: null,
      reason: 'GPT-5-mini only supports temperature=1.0',
    });
    expect(view.parameters['max_tokens']).toMatchObject({ min: 1, max: 4096, sentAs: 'max_completion_tokens' });
    expect(JSON.stringify(view)).not.toContain('providerMetadata');
  });

  it('says why not', () => {
    const view = toModelView(model('gpt-5'), 'pro', decideAvailability(model('gpt-5'), false));
    expect(view).toMatchObject({
      available: false,
      unavailableCode: 'model_unavailable',
      tierAllowed: false,
      requiredTier: 'pro_max',
    });
    expect(view.unavailableReason).not.toBeNull();
  });

  it('shows the rules and the price of a long context', () => {
    expect(toModelView(model('gpt-4o'), 'free', { available: true }).parameterRules).toEqual([
      {
        parameters: ['top_logprobs'],
        unless: { parameter: 'logprobs', in: [true] },
        reason: 'top_logprobs needs logprobs: true',
      },
    ]);
    expect(toModelView(model('gemini-2.5-pro'), 'pro_max', { available: true }).price?.longContext).toMatchObject({
      aboveInputTokens: 200_000,
      input: '4.000000',
    });
  });
});

describe('decideAvailability', () => {
  it('names the first reason a call would be refused for', () => {
    const codes = [
      model('gpt-5', { isArchived: true, isAvailable: false }),
      model('gpt-5', { isAvailable: false }),
      model('gpt-5', { prices: null }),
    ].map((candidate) => {
      const availability = decideAvailability(candidate, true);
      return availability.available ? null : availability.code;
    });
    expect(codes).toEqual(['model_archived', 'model_unavailable', 'model_not_priced']);
    expect(decideAvailability(model('gpt-5'), true)).toEqual({ available: true });
  });
});
