import { formatPath } from './document-issue.js';
import { ModelMeta, StoredModelMeta } from './model-meta.js';
import { modelPrices, ucrPerToken } from './model-prices.js';

const META: ModelMeta = {
  displayName: 'Test model',
  capabilities: ['text'],
  contextLength: 1_000,
  maxOutputTokens: 100,
  inputCostPerMillionTokens: 1_250,
  outputCostPerMillionTokens: 10_000,
  creditsPer1kTokens: 2,
};

function faults(change: Record<string, unknown>): string[] {
  const parsed = ModelMeta.safeParse({ ...META, ...change });
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

describe('ModelMeta', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown key', { colour: 'red' }, ': Unrecognized key: "colour"'],
    ['an unknown tier', { requiredTier: 'gold' }, 'requiredTier: '],
    ['an unknown capability', { capabilities: ['smell'] }, 'capabilities[0]: '],
    ['a capability named twice', { capabilities: ['text', 'text'] }, 'capabilities: must name each capability once'],
    ['no capability', { capabilities: [] }, 'capabilities: '],
    ['a negative price', { inputCostPerMillionTokens: -1 }, 'inputCostPerMillionTokens: '],
    ['a price in the wrong unit', { inputCostPerMillionTokens: 0.25 }, 'inputCostPerMillionTokens: '],
    ['half a price', { outputCostPerMillionTokens: undefined }, 'outputCostPerMillionTokens: is missing'],
    ['a cost without credits', { creditsPer1kTokens: undefined }, 'creditsPer1kTokens: is missing'],
    ['a rate of four decimals', { creditsPer1kTokens: 0.0001 }, 'creditsPer1kTokens: must have at most 3 digits'],
    [
      'a rate that is no decimal number',
      { creditsPer1kTokens: 1e-7 },
      'creditsPer1kTokens: must have at most 3 digits',
    ],
    ['a whitelist of nobody', { tierRestrictionMode: 'whitelist' }, 'allowedTiers: must name at least one tier'],
    ['an exact tier that is not named', { tierRestrictionMode: 'exact' }, 'requiredTier: must be named'],
    ['a list of tiers that does not apply', { allowedTiers: ['pro'] }, 'allowedTiers: applies only'],
    [
      'an answer longer than the context',
      { maxOutputTokens: 2_000 },
      'maxOutputTokens: must not be above contextLength',
    ],
    ['a date that is none', { sunsetDate: '2026-02-30' }, 'sunsetDate: '],
    [
      'a long context beyond the context',
      { longContext: { aboveInputTokens: 1_000, costs: {} } },
      'longContext.aboveInputTokens: must be below',
    ],
    ['an unknown key inside', { creditRates: { fun: 1 } }, 'creditRates: Unrecognized key: "fun"'],
    [
      'an unknown way to treat a client that left',
      { providerMetadata: { onDisconnect: 'stop' } },
      "providerMetadata.onDisconnect: must be 'drain' or 'cancel'",
    ],
    [
      'a fallback that is no list',
      { providerMetadata: { fallbacks: 'other' } },
      'providerMetadata.fallbacks: must be a list of at most 4 ids of models',
    ],
    [
      'more fallbacks than are tried',
      { providerMetadata: { fallbacks: ['a', 'b', 'c', 'd', 'e'] } },
      'providerMetadata.fallbacks: must be a list of at most 4',
    ],
    ['an unknown image strategy', { imageTokens: { strategy: 'guess', perImageMax: 1 } }, 'imageTokens.strategy: '],
    ['images without a maximum', { imageTokens: { strategy: 'gemini_tiles' } }, 'imageTokens.perImageMax: '],
    [
      'an output default that the model cannot keep',
      { parameterConstraints: { max_tokens: { supported: true, default: 101 } } },
      'parameterConstraints.max_tokens.default: must not be above maxOutputTokens',
    ],
    [
      'a least output that the model cannot keep',
      { parameterConstraints: { max_completion_tokens: { supported: true, min: 101 } } },
      'parameterConstraints.max_completion_tokens.min: must not be above maxOutputTokens',
    ],
    [
      'a chat without an output limit',
      { parameterConstraints: { max_tokens: { supported: false }, max_completion_tokens: { supported: false } } },
      'parameterConstraints.max_completion_tokens.supported: must be true here or for max_tokens',
    ],
    ['a chat that answers nothing', { maxOutputTokens: 0 }, 'maxOutputTokens: must be at least 1'],
  ])('refuses %s', (_case, change, fault) => {
    expect(faults(change)).toEqual(expect.arrayContaining([expect.stringContaining(fault)]));
  });

  it('takes a model of embeddings, which puts nothing out', () => {
    expect(faults({ capabilities: ['embedding'], maxOutputTokens: 0 })).toEqual([]);
  });

  it('takes either name of the output limit alone', () => {
    for (const name of ['max_tokens', 'max_completion_tokens']) {
      expect(faults({ parameterConstraints: { [name]: { supported: false } } })).toEqual([]);
    }
  });

  it('takes a model without any price, which then cannot be called', () => {
    const {
      inputCostPerMillionTokens: _in,
      outputCostPerMillionTokens: _out,
      creditsPer1kTokens: _credits,
      ...unpriced
    } = META;
    expect(ModelMeta.safeParse(unpriced).success).toBe(true);
    expect(modelPrices(unpriced)).toBeNull();
  });

  it('keeps what it does not know when it reads', () => {
    const stored = {
      ...META,
      colour: 'red',
      creditRates: { fun: 1 },
      parameterConstraints: { mirth: { supported: true, level: 3 } },
    };
    expect(StoredModelMeta.parse(stored)).toEqual(stored);
  });
});

describe('a constraint document', () => {
  const constrain = (parameterConstraints: Record<string, unknown>, parameterRules: unknown[] = []): string[] =>
    faults({ parameterConstraints, parameterRules });

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown parameter', { mirth: { supported: true } }, 'mirth: is no parameter that can be constrained'],
    ['an unknown field', { n: { supported: true, minimum: 1 } }, 'n: Unrecognized key: "minimum"'],
    ['a range upside down', { temperature: { supported: true, min: 2, max: 1 } }, 'temperature.min: '],
    [
      'an open range without a value',
      { temperature: { supported: true, exclusiveMin: 1, max: 1 } },
      'temperature.exclusiveMin: ',
    ],
    [
      'a range without an integer',
      { seed: { supported: true, exclusiveMin: 1, exclusiveMax: 2 } },
      'seed.exclusiveMin: ',
    ],
    [
      'a range of what is no number',
      { verbosity: { supported: true, min: 1 } },
      'verbosity.min: applies to numbers only',
    ],
    [
      'a default outside',
      { temperature: { supported: true, max: 1, default: 2 } },
      'temperature.default: must lie inside',
    ],
    [
      'a default not allowed',
      { n: { supported: true, allowedValues: [1, 2], default: 3 } },
      'n.default: must be one of',
    ],
    ['a default of another type', { n: { supported: true, default: 'one' } }, 'n.default: must be of the type integer'],
    [
      'an allowed value outside',
      { temperature: { supported: true, max: 1, allowedValues: [1, 2] } },
      'temperature.allowedValues[1]: must lie',
    ],
    [
      'an allowed value of another type',
      { verbosity: { supported: true, allowedValues: [1] } },
      'verbosity.allowedValues[0]: must be of',
    ],
    [
      'a list limit on a number',
      { temperature: { supported: true, maxItems: 2 } },
      'temperature.maxItems: applies to lists only',
    ],
    [
      'an exclusion of nothing known',
      { top_p: { supported: true, mutuallyExclusiveWith: ['heat'] } },
      'top_p.mutuallyExclusiveWith[0]: is no known',
    ],
    [
      'an exclusion of itself',
      { top_p: { supported: true, mutuallyExclusiveWith: ['top_p'] } },
      'cannot exclude itself',
    ],
    [
      'an exclusion of the output limit',
      { top_p: { supported: true, mutuallyExclusiveWith: ['max_tokens'] } },
      'always sent',
    ],
    [
      'a rename to nothing known',
      { seed: { supported: true, alternativeName: 'sprout' } },
      'seed.alternativeName: is no known',
    ],
    ['a rename to itself', { seed: { supported: true, alternativeName: 'seed' } }, 'renames in a circle: seed to seed'],
    [
      'a circle of renames',
      {
        max_tokens: { supported: true, alternativeName: 'max_completion_tokens' },
        max_completion_tokens: { supported: true, alternativeName: 'max_tokens' },
      },
      'renames in a circle',
    ],
    [
      'an output limit renamed to something else',
      { max_tokens: { supported: true, alternativeName: 'n' } },
      'only be renamed to an output limit',
    ],
    [
      'limits in two entries of one name',
      {
        max_tokens: { supported: true, max: 5, alternativeName: 'max_completion_tokens' },
        max_completion_tokens: { supported: true, max: 6 },
      },
      'max_tokens.max: belongs in the entry of max_completion_tokens',
    ],
    [
      'two names renamed to one without an entry',
      { top_p: { supported: true, alternativeName: 'seed' }, top_k: { supported: true, alternativeName: 'seed' } },
      'are both renamed to seed',
    ],
    [
      'a rename to what is not supported',
      { top_p: { supported: true, alternativeName: 'seed' }, seed: { supported: false } },
      'top_p.alternativeName: names seed, which is not supported',
    ],
    ['a clamp without a bound', { temperature: { supported: true, onViolation: 'clamp' } }, 'clamp needs a bound'],
    ['an open clamp', { temperature: { supported: true, exclusiveMin: 0, onViolation: 'clamp' } }, 'are exclusive'],
    ['a clamp of text', { verbosity: { supported: true, onViolation: 'clamp' } }, 'clamp applies to numbers only'],
    ['a value beyond all', { n: { supported: true, allowedValues: [1, 500] } }, 'n.allowedValues[1]: is beyond'],
    ['a word that is none', { verbosity: { supported: true, allowedValues: ['x'.repeat(33)] } }, '[0]: is beyond'],
    ['a bound beyond all', { n: { supported: true, min: 200 } }, 'n.min: must be at most 128'],
    ['an open bound at the end', { n: { supported: true, exclusiveMin: 128 } }, 'n.exclusiveMin: must be below 128'],
    ['an output limit below one', { max_tokens: { supported: true, min: 0 } }, 'max_tokens.min: must be at least 1'],
    [
      'an output limit of another type',
      { max_tokens: { supported: true, type: 'number' } },
      'max_tokens.type: must be integer',
    ],
    ['a part of a token', { max_tokens: { supported: true, max: 10.5 } }, 'max_tokens.max: must be a whole number'],
    ['an output limit from a list', { max_tokens: { supported: true, allowedValues: [1] } }, 'use min and max'],
  ])('is refused with %s', (_case, constraints, fault) => {
    expect(constrain(constraints)).toEqual(expect.arrayContaining([expect.stringContaining(fault)]));
  });

  it.each<[string, unknown, string]>([
    [
      'of unknown parameters',
      { parameters: ['heat'], unless: { parameter: 'n', in: [1] } },
      'parameterRules[0].parameters[0]: is no known',
    ],
    [
      'with an unknown condition',
      { parameters: ['n'], unless: { parameter: 'mood', in: [1] } },
      'parameterRules[0].unless.parameter: is no known',
    ],
    ['of a parameter on itself', { parameters: ['n'], unless: { parameter: 'n', in: [1] } }, 'cannot depend on itself'],
    ['of the output limit', { parameters: ['max_tokens'], unless: { parameter: 'n', in: [1] } }, 'always sent'],
    [
      'with an unknown field',
      { parameters: ['n'], when: 1, unless: { parameter: 'seed', in: [1] } },
      'parameterRules[0]: Unrecognized key',
    ],
  ])('is refused with a rule %s', (_case, rule, fault) => {
    expect(constrain({}, [rule])).toEqual(expect.arrayContaining([expect.stringContaining(fault)]));
  });

  const unless = { parameter: 'reasoning_effort', in: ['none'] };
  it.each<[string, Record<string, unknown>, unknown, string]>([
    [
      'whose condition is no allowed value',
      { reasoning_effort: { supported: true, allowedValues: ['low', 'high'] } },
      { parameters: ['temperature'], unless },
      'parameterRules[0].unless.in: holds no value that reasoning_effort can have here',
    ],
    [
      'whose condition is not supported',
      { reasoning_effort: { supported: false } },
      { parameters: ['temperature'], unless },
      'parameterRules[0].unless.in: holds no value',
    ],
    [
      'whose condition is of another type',
      {},
      { parameters: ['top_logprobs'], unless: { parameter: 'logprobs', in: ['true'] } },
      'parameterRules[0].unless.in: holds no value',
    ],
    [
      'of a name that is sent as another',
      { top_k: { supported: true, alternativeName: 'seed' } },
      { parameters: ['top_k'], unless },
      'parameterRules[0].parameters[0]: is sent as seed',
    ],
    [
      'with a condition that is sent as another name',
      { max_tokens: { supported: true, alternativeName: 'max_completion_tokens' } },
      { parameters: ['temperature'], unless: { parameter: 'max_tokens', in: [1] } },
      'parameterRules[0].unless.parameter: is sent as max_completion_tokens',
    ],
  ])('is refused with a rule %s', (_case, constraints, rule, fault) => {
    expect(constrain(constraints, [rule])).toEqual(expect.arrayContaining([expect.stringContaining(fault)]));
  });

  it.each<[string, Record<string, unknown>]>([
    ['one of the allowed values', { supported: true, allowedValues: ['none', 'low'] }],
    ['what holds where the parameter is not supported', { supported: false, default: 'none' }],
    ['any text where nothing is said of it', { supported: true }],
  ])('may have a rule whose condition is %s', (_case, constraint) => {
    expect(constrain({ reasoning_effort: constraint }, [{ parameters: ['temperature'], unless }])).toEqual([]);
  });
});

describe('modelPrices', () => {
  it('are whole micro-credits and nano-USD per token', () => {
    expect(modelPrices(META)?.standard).toEqual({
      creditsUcr: { input: 2_000n, cachedInput: 2_000n, cacheWrite: 2_000n, output: 2_000n, image: null },
      costNusd: { input: 1_250n, cachedInput: 1_250n, cacheWrite: 1_250n, output: 10_000n, image: null },
    });
    expect([0, 0.001, 0.1, 1.5, 2, 1_000_000].map(ucrPerToken)).toEqual([0n, 1n, 100n, 1_500n, 2_000n, 1_000_000_000n]);
    expect(() => ucrPerToken(0.0001)).toThrow(RangeError);
  });

  it('take each part’s own rate where there is one', () => {
    const meta: ModelMeta = {
      ...META,
      providerCosts: { cachedInput: 125, cacheWrite: 1_500, image: 900 },
      creditRates: { output: 8, cachedInput: 0.25, image: 3 },
    };
    expect(modelPrices(meta)?.standard).toEqual({
      creditsUcr: { input: 2_000n, cachedInput: 250n, cacheWrite: 2_000n, output: 8_000n, image: 3_000n },
      costNusd: { input: 1_250n, cachedInput: 125n, cacheWrite: 1_500n, output: 10_000n, image: 900n },
    });
  });

  it('know the price of a long context, whose unnamed parts follow', () => {
    const meta: ModelMeta = {
      ...META,
      providerCosts: { cachedInput: 125 },
      longContext: {
        aboveInputTokens: 200,
        costs: { input: 2_500, output: 15_000, cachedInput: 250 },
        creditRates: { input: 4 },
      },
    };
    expect(modelPrices(meta)?.longContext).toEqual({
      aboveInputTokens: 200,
      creditsUcr: { input: 4_000n, cachedInput: 4_000n, cacheWrite: 4_000n, output: 2_000n, image: null },
      costNusd: { input: 2_500n, cachedInput: 250n, cacheWrite: 2_500n, output: 15_000n, image: null },
    });
  });
});
