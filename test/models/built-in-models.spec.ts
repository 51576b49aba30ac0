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

  it('name the source and date of each kind of figure', () => {
    for (const { id, meta } of CATALOGUE) {
      const { figures } = meta.providerMetadata as { figures: Record<string, { source: string; date: string }> };
      const kinds = ['limits', 'prices', 'constraints', ...(meta.imageTokens ? ['imageTokens'] : [])];
      expect([id, Object.keys(figures).sort()]).toEqual([id, kinds.sort()]);
      for (const { source, date } of Object.values(figures)) {
        expect(source).not.toBe('');
        expect(date).toMatch(/^2026-\d\d-\d\d$/);
      }
    }
  });

  it('only warn where no primary source confirms a rule', () => {
    for (const { meta } of CATALOGUE) {
      const { figures } = meta.providerMetadata as { figures: Record<string, { source: string }> };
      if (!figures['constraints']!.source.startsWith('Unverified')) continue;
      for (const rule of meta.parameterRules ?? []) expect(rule.onViolation).toBe('warn');
    }
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['o3', { temperature: 0.2, stop: ['a'] }, ['temperature', 'stop']],
    ['o3', { temperature: 1, n: 1, presence_penalty: 0 }, []],
    ['gpt-5.1', { temperature: 0.2 }, []],
    ['gpt-5.1', { temperature: 0.2, reasoning_effort: 'low' }, ['temperature']],
    ['gpt-5.1', { reasoning_effort: 'xhigh' }, ['reasoning_effort']],
    ['gpt-5.2', { temperature: 0.2, top_p: 0.5, reasoning_effort: 'xhigh' }, ['temperature', 'top_p']],
    ['gpt-5.5', { temperature: 0.2, reasoning_effort: 'high' }, []],
    ['claude-opus-4-20250514', { temperature: 0.2, top_p: 0.5 }, []],
    ['claude-opus-4-1', { temperature: 0.2, top_p: 0.5 }, ['top_p']],
    ['claude-haiku-4-5', { n: 2, seed: 1 }, ['n', 'seed']],
    ['claude-opus-4-7', { temperature: 0.5, top_p: 0.9, top_k: 5 }, ['temperature', 'top_p', 'top_k']],
    ['claude-opus-4-7', { temperature: 1, top_p: 0.99, reasoning_effort: 'max' }, []],
    ['gemini-3.5-flash', { temperature: 0.2, top_k: 64, presence_penalty: 3 }, []],
    ['gemini-2.5-flash', { stop: ['a', 'b', 'c', 'd', 'e', 'f'] }, ['stop']],
  ])('%s refuses of %j what its provider refuses', (id, requested, refused) => {
    const { parameterConstraints = {}, parameterRules = [] } = ModelMeta.parse(
      ENTRIES.find((entry) => entry.id === id)?.meta,
    );
    const { violations } = resolveParameters(parameterConstraints, parameterRules, requested);
    expect(violations.map(({ parameter }) => parameter)).toEqual(refused);
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
