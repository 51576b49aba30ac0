import { fromLiteLlm } from './litellm-prices.js';
import { ModelMeta } from './model-meta.js';

const GPT = {
  litellm_provider: 'openai',
  mode: 'chat',
  max_input_tokens: 272_000,
  max_output_tokens: 128_000,
  input_cost_per_token: 1.25e-6,
  output_cost_per_token: 1e-5,
  cache_read_input_token_cost: 1.25e-7,
  supports_vision: true,
  supports_function_calling: true,
  deprecation_date: '2027-06-01',
};

const TODAY = '2026-08-31';

describe('LiteLLM’s price map', () => {
  it('becomes a model that is valid, its costs exact and its credits in proportion', () => {
    const { entries } = fromLiteLlm({ 'gpt-x': GPT }, { existing: [], creditsPerUsd: 200, today: TODAY });
    expect(entries).toMatchObject([{ id: 'gpt-x', name: 'gpt-x', provider: 'openai' }]);
    expect(ModelMeta.parse(entries[0]!.meta)).toMatchObject({
      capabilities: ['text', 'chat', 'vision', 'function_calling'],
      contextLength: 272_000,
      maxOutputTokens: 128_000,
      inputCostPerMillionTokens: 1_250,
      outputCostPerMillionTokens: 10_000,
      providerCosts: { cachedInput: 125 },
      creditRates: { input: 0.25, output: 2, cachedInput: 0.025 },
      sunsetDate: '2027-06-01',
      parameterConstraints: { max_tokens: { supported: true, alternativeName: 'max_completion_tokens' } },
      providerMetadata: { figures: { prices: { source: expect.stringContaining('LiteLLM'), isCheckedByHand: false } } },
    });
  });

  // Removed once: the provider was sent the name by which LiteLLM finds it, and knew no such model.
  it.each([
    ['gpt-x', 'openai', 'gpt-x', 'openai'],
    ['xai/grok-x', 'xai', 'grok-x', 'xai'],
    ['gemini/gemini-x', 'gemini', 'gemini-x', 'google'],
    ['openrouter/maker/x', 'openrouter', 'maker/x', 'openrouter'],
    ['maker/x', 'other', 'maker/x', 'other'],
  ])('names %s of %s as its provider does', (id, litellm_provider, name, provider) => {
    const options = { existing: [], creditsPerUsd: 1, today: TODAY };
    const { entries } = fromLiteLlm({ [id]: { ...GPT, litellm_provider } }, options);
    expect(entries).toMatchObject([{ id, name, provider }]);
  });

  it('reads the price of a long context', () => {
    const source = {
      ...GPT,
      max_input_tokens: 1_048_576,
      input_cost_per_token_above_200k_tokens: 2.5e-6,
      output_cost_per_token_above_200k_tokens: 1.5e-5,
    };
    const { entries } = fromLiteLlm({ long: source }, { existing: [], creditsPerUsd: 100, today: TODAY });
    expect(ModelMeta.parse(entries[0]!.meta).longContext).toEqual({
      aboveInputTokens: 200_000,
      costs: { input: 2_500, output: 15_000 },
      creditRates: { input: 0.25, output: 1.5 },
    });
  });

  it('rounds what is no whole nano-USD upwards', () => {
    const source = { ...GPT, input_cost_per_token: 1.5e-10, cache_read_input_token_cost: undefined };
    const { entries } = fromLiteLlm({ cheap: source }, { existing: [], creditsPerUsd: 1, today: TODAY });
    expect(entries[0]!.meta).toMatchObject({ inputCostPerMillionTokens: 1, creditRates: { input: 0.001 } });
  });

  it('changes costs and limits of a model that is there, and nothing that was checked by hand', () => {
    const meta = {
      displayName: 'Mine',
      capabilities: ['text'],
      contextLength: 100,
      maxOutputTokens: 10,
      inputCostPerMillionTokens: 1,
      outputCostPerMillionTokens: 1,
      creditsPer1kTokens: 5,
      providerMetadata: { note: 'x', figures: { limits: { source: 'Me', isCheckedByHand: true } } },
    };
    const existing = [{ id: 'gpt-x', name: 'upstream', provider: 'azure', meta }];
    const { entries } = fromLiteLlm({ 'gpt-x': GPT }, { existing, creditsPerUsd: 200, today: TODAY });
    expect(entries[0]).toMatchObject({ name: 'upstream', provider: 'azure' });
    expect(entries[0]!.meta).toEqual({
      ...meta,
      inputCostPerMillionTokens: 1_250,
      outputCostPerMillionTokens: 10_000,
      providerCosts: { cachedInput: 125 },
      providerMetadata: {
        note: 'x',
        figures: {
          limits: { source: 'Me', isCheckedByHand: true },
          prices: { source: expect.stringContaining('LiteLLM'), isCheckedByHand: false },
        },
      },
    });
  });

  it('says nothing of the output limit of other providers’ models', () => {
    const { entries } = fromLiteLlm(
      { claude: { ...GPT, litellm_provider: 'anthropic' } },
      { existing: [], creditsPerUsd: 1, today: TODAY },
    );
    expect(entries[0]!.meta).not.toHaveProperty('parameterConstraints');
  });

  it('asks of embeddings neither what they put out nor what that costs', () => {
    const { max_output_tokens: _most, output_cost_per_token: _cost, ...embedding } = { ...GPT, mode: 'embedding' };
    const { entries } = fromLiteLlm({ embedding }, { existing: [], creditsPerUsd: 1, today: TODAY });
    expect(ModelMeta.parse(entries[0]!.meta)).toMatchObject({ maxOutputTokens: 0, outputCostPerMillionTokens: 0 });
  });

  // Removed once: what the map does not tell was lost, and with the cost of writing to the cache all marks of caching.
  it('leaves costs that it does not tell as they are', () => {
    const long = { aboveInputTokens: 200_000, costs: { input: 2_000, image: 9 }, creditRates: { input: 3 } };
    const meta = {
      ...ModelMeta.parse({
        ...fromLiteLlm({ x: GPT }, { existing: [], creditsPerUsd: 1, today: TODAY }).entries[0]!.meta,
        contextLength: 400_000,
      }),
      providerCosts: { cachedInput: 1, cacheWrite: 2, image: 3 },
      longContext: long,
    };
    const source = { ...GPT, max_input_tokens: 400_000, input_cost_per_token_above_200k_tokens: 2.5e-6 };
    const existing = [{ id: 'x', name: 'x', provider: 'openai', meta }];
    const { entries } = fromLiteLlm({ x: source }, { existing, creditsPerUsd: 1, today: TODAY });
    expect(entries[0]!.meta).toMatchObject({
      providerCosts: { cachedInput: 125, cacheWrite: 2, image: 3 },
      longContext: { aboveInputTokens: 200_000, costs: { input: 2_500, image: 9 }, creditRates: { input: 3 } },
    });
  });

  it('names what it leaves out, and why', () => {
    const prices = {
      sample_spec: GPT,
      picture: { ...GPT, mode: 'image_generation' },
      priceless: { ...GPT, input_cost_per_token: undefined },
      endless: { ...GPT, max_input_tokens: 'many' },
      broken: null,
      giveaway: { ...GPT, output_cost_per_token: undefined },
      mute: { ...GPT, max_output_tokens: undefined },
      over: { ...GPT, deprecation_date: TODAY },
    };
    const { entries, skipped } = fromLiteLlm(prices, { existing: [], creditsPerUsd: 1, today: TODAY });
    expect(entries).toEqual([]);
    expect(Object.fromEntries(skipped.map(({ id, reason }) => [id, reason]))).toEqual({
      sample_spec: 'describes the shape of the file',
      picture: expect.stringContaining('image_generation'),
      priceless: 'has no input_cost_per_token',
      endless: 'has no max_input_tokens',
      broken: 'is not in the price map',
      giveaway: 'has no output_cost_per_token',
      mute: 'has no max_output_tokens',
      over: 'has ended: its deprecation_date is 2026-08-31',
    });
    expect(
      fromLiteLlm(prices, { existing: [], ids: ['constructor'], creditsPerUsd: 1, today: TODAY }).skipped,
    ).toHaveLength(1);
  });
});
