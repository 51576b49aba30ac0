import { OPENAI_MODELS } from '../../seeders/catalogue/openai-models.js';
import { ANTHROPIC_MODELS } from '../../seeders/catalogue/anthropic-models.js';
import { GOOGLE_MODELS } from '../../seeders/catalogue/google-models.js';
import type { Tier } from '../../src/common/domain/tiers.js';
import { decideAvailability, type Availability } from '../../src/models/domain/availability.js';
import type { CatalogueModel } from '../../src/models/domain/catalogue-model.js';
import { ModelMeta } from '../../src/models/domain/model-meta.js';
import { resolveModelParameters } from '../../src/models/domain/model-parameters.js';
import { modelPrices } from '../../src/models/domain/model-prices.js';
import { toModelView } from '../../src/models/model-view.js';

function model(id: string, change: Partial<CatalogueModel> = {}): CatalogueModel {
  const entry = [...OPENAI_MODELS, ...GOOGLE_MODELS, ...ANTHROPIC_MODELS].find((candidate) => candidate.id === id)!;
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

function view(shown: CatalogueModel, tier: Tier, availability: Availability = { available: true }) {
  return toModelView(shown, { tier, availability, outputTokensDefault: 4_096 });
}

describe('toModelView', () => {
  it('shows OpenAI’s members and what an app draws its settings with', () => {
    const shown = view(model('gpt-5-mini'), 'free');
    expect(shown).toMatchObject({
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
    expect(shown.parameters['temperature']).toEqual({
      supported: true,
      type: 'number',
      allowedValues: [1],
      default: 1,
      mutuallyExclusiveWith: [],
      onViolation: 'reject',
      sentAs: null,
      reason: 'GPT-5-mini only supports temperature=1.0',
    });
    expect(shown.parameters['max_tokens']).toMatchObject({ min: 1, max: 4096, sentAs: 'max_completion_tokens' });
    expect(JSON.stringify(shown)).not.toContain('providerMetadata');
  });

  it('says why not', () => {
    const shown = view(model('gpt-5'), 'pro', decideAvailability(model('gpt-5'), false));
    expect(shown).toMatchObject({
      available: false,
      unavailableCode: 'model_unavailable',
      tierAllowed: false,
      usable: false,
      unusableCode: 'model_unavailable',
      requiredTier: 'pro_max',
    });
    expect(view(model('gpt-5'), 'pro')).toMatchObject({
      usable: false,
      unusableCode: 'tier_required',
      unusableReason: 'The model needs the plan pro_max; yours is pro.',
    });
    expect(view(model('gpt-5'), 'pro_max')).toMatchObject({ usable: true, unusableCode: null, unusableReason: null });
    expect(shown.unavailableReason).not.toBeNull();
  });

  it('offers every parameter that can be sent, with what holds where the model is silent', () => {
    const { parameters, limits } = view(model('gpt-5-mini'), 'free');
    expect(parameters['seed']).toMatchObject({ supported: true, type: 'integer', onViolation: 'reject' });
    expect(parameters['n']).toMatchObject({ min: 1, max: 8, default: 1 });
    expect(parameters).not.toHaveProperty('top_k');
    expect(limits.images).toMatchObject({
      imagesMax: 20,
      sideMin: 2,
      tokensMax: 2_489,
      types: ['image/png', 'image/jpeg', 'image/webp', 'image/gif'],
    });
    expect(view(model('gpt-4o'), 'free').parameters['top_p']).toMatchObject({ max: 1 });
  });

  /** Fails when each name is shown by its own entry alone: a request is judged by the one that governs the name it is sent as. */
  it.each([
    ['gpt-5-mini', 1, 4_096, 1_000],
    ['gpt-5', 1, 128_000, 4_096],
    ['claude-sonnet-4-5', 1, 8_192, 1_024],
    ['gemini-2.5-pro', 1, 65_536, 4_096],
  ])('shows the limits of an answer of %s under both their names, as a request meets them', (id, min, max, value) => {
    const shown = model(id);
    const { max_tokens: older, max_completion_tokens: newer } = view(shown, 'free').parameters;
    const limits = { supported: true, min, max, default: value };
    expect([older, newer]).toMatchObject([limits, limits]);
    for (const name of ['max_tokens', 'max_completion_tokens']) {
      const violations = [max, max + 1].map(
        (tokens) => resolveModelParameters(shown.meta, { [name]: tokens }, { outputTokensDefault: 4_096 }).violations,
      );
      expect(violations).toEqual([[], [expect.objectContaining({ parameter: name, rule: 'range' })]]);
    }
    const sentAs = id.startsWith('gpt-5') ? [newer?.sentAs, older?.sentAs] : [older?.sentAs, newer?.sentAs];
    expect(sentAs).toEqual([null, id.startsWith('gpt-5') ? 'max_completion_tokens' : 'max_tokens']);
  });

  it('shows the rules and the price of a long context', () => {
    expect(view(model('gpt-4o'), 'free').parameterRules).toEqual([
      {
        parameters: ['top_logprobs'],
        unless: { parameter: 'logprobs', in: [true] },
        reason: 'top_logprobs needs logprobs: true',
      },
    ]);
    expect(view(model('gemini-2.5-pro'), 'pro_max').price?.longContext).toMatchObject({
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
