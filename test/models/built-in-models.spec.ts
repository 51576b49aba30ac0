import fc from 'fast-check';
import { SANDBOX_MODELS } from '../../seeders/catalogue/sandbox-models.js';
import { CATALOGUE } from '../../seeders/models.seeder.js';
import { catalogueIssues } from '../../src/models/domain/catalogue-issues.js';
import { CONSTRAINED_PARAMETERS } from '../../src/models/domain/constrained-parameters.js';
import { ModelMeta } from '../../src/models/domain/model-meta.js';
import { resolveParameters } from '../../src/models/domain/parameter-constraints.js';

const ENTRIES = [...CATALOGUE, ...SANDBOX_MODELS];

function constraintsOf(id: string) {
  return ENTRIES.find((entry) => entry.id === id)?.meta.parameterConstraints;
}

describe('the built-in models', () => {
  it('are valid, each alone and all together', () => {
    for (const entry of ENTRIES) {
      expect(ModelMeta.safeParse(entry.meta).error?.issues).toBeUndefined();
      expect(catalogueIssues(entry, ENTRIES)).toEqual([]);
    }
  });

  it('hold the accepted constraints exactly as they were given', () => {
    expect(constraintsOf('gpt-5-mini')).toEqual({
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
    });
    expect(constraintsOf('claude-sonnet-4-5')).toEqual({
      temperature: { supported: true, min: 0, max: 1, default: 1, reason: 'Anthropic models support temperature 0-1' },
      max_tokens: { supported: true, min: 1, max: 8192, default: 1024 },
      top_p: { supported: true, min: 0, max: 1, default: 1 },
      top_k: { supported: true, min: 1, max: 500, default: 40, reason: 'Anthropic-specific top-k sampling' },
      stop: { supported: true, maxItems: 4 },
    });
  });

  it('resolve any request to what resolves to itself', () => {
    const value = fc.oneof(fc.integer({ min: -1, max: 9_000 }), fc.constantFrom(0.5, 'none', 'low', true, ['a'], null));
    const request = fc.dictionary(fc.constantFrom(...CONSTRAINED_PARAMETERS), value, { maxKeys: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...ENTRIES), request, ({ meta }, requested) => {
        const { parameterConstraints = {}, parameterRules = [] } = ModelMeta.parse(meta);
        const first = resolveParameters(parameterConstraints, parameterRules, requested);
        fc.pre(first.violations.length === 0);
        const second = resolveParameters(parameterConstraints, parameterRules, first.parameters);
        expect(second.violations).toEqual([]);
        expect(second.parameters).toEqual(first.parameters);
      }),
      { numRuns: 1_000 },
    );
  });
});
