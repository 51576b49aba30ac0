import { offeredParameters } from './offered-parameters.js';
import type { ParameterConstraints } from './parameter-constraint.js';
import { resolveParameters, type ResolveOptions } from './parameter-constraints.js';
import { formatParametersApplied } from './parameters-applied.js';

const MINI: ParameterConstraints = {
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
};

const SONNET: ParameterConstraints = {
  temperature: { supported: true, min: 0, max: 1, default: 1, reason: 'Anthropic models support temperature 0-1' },
  max_tokens: { supported: true, min: 1, max: 8192, default: 1024 },
  top_p: { supported: true, min: 0, max: 1, default: 1 },
  top_k: { supported: true, min: 1, max: 500, default: 40, reason: 'Anthropic-specific top-k sampling' },
  stop: { supported: true, maxItems: 4 },
};

function resolve(constraints: ParameterConstraints, requested: Record<string, unknown>, options?: ResolveOptions) {
  return resolveParameters(constraints, [], requested, options);
}

function header(
  constraints: ParameterConstraints,
  requested: Record<string, unknown>,
  options?: ResolveOptions,
): string {
  return formatParametersApplied(resolve(constraints, requested, options).applied);
}

describe('the acceptance constraints', () => {
  it('refuse a temperature on gpt-5-mini and say which value passes', () => {
    const { violations } = resolve(MINI, { temperature: 0.5 });
    expect(violations).toEqual([
      {
        parameter: 'temperature',
        value: 0.5,
        rule: 'allowed_values',
        allowedValues: [1],
        reason: 'GPT-5-mini only supports temperature=1.0',
        suggestion: 'Use 1, or leave temperature out.',
      },
    ]);
  });

  it('rename max_tokens on gpt-5-mini and say so', () => {
    const resolution = resolve(MINI, { max_tokens: 500 });
    expect(resolution.parameters).toEqual({ max_completion_tokens: 500 });
    expect(resolution.outputLimit).toEqual({ parameter: 'max_completion_tokens', tokens: 500 });
    expect(formatParametersApplied(resolution.applied)).toBe('max_tokens=renamed;to="max_completion_tokens"');
  });

  it('hold max_completion_tokens to the range that is written under max_tokens', () => {
    expect(resolve(MINI, { max_completion_tokens: 5_000 }).violations).toMatchObject([
      { parameter: 'max_completion_tokens', rule: 'range', range: { min: 1, max: 4096 } },
    ]);
    expect(resolve(SONNET, { max_completion_tokens: 9_000 }).violations).toMatchObject([
      { parameter: 'max_completion_tokens', rule: 'range', range: { min: 1, max: 8192 } },
    ]);
  });

  it('send the default of the output limit under the name it goes by, and no other default', () => {
    const resolution = resolve(MINI, { messages: [] });
    expect(resolution.parameters).toEqual({ messages: [], max_completion_tokens: 1000 });
    expect(formatParametersApplied(resolution.applied)).toBe('max_completion_tokens=defaulted;value=1000');
  });

  it('refuse top_p beside temperature on gpt-5-mini', () => {
    expect(resolve(MINI, { temperature: 1, top_p: 0.9 }).violations).toMatchObject([
      { parameter: 'top_p', rule: 'mutually_exclusive', conflictsWith: 'temperature' },
    ]);
  });

  it('name every violation at once', () => {
    const { violations } = resolve(MINI, {
      temperature: 0.2,
      top_p: 3,
      max_tokens: 5_000,
      n: 9,
      stop: ['a', 'b', 'c', 'd', 'e'],
      presence_penalty: 'high',
      top_k: 5,
    });
    expect(violations.map(({ parameter, rule }) => `${parameter} ${rule}`).sort()).toEqual([
      'max_tokens range',
      'n range',
      'presence_penalty type',
      'stop max_items',
      'temperature allowed_values',
      'top_k unsupported',
      'top_p mutually_exclusive',
      'top_p range',
    ]);
  });

  it('take top_k on Claude within its range', () => {
    expect(resolve(SONNET, { top_k: 40, max_tokens: 10 }).violations).toEqual([]);
    expect(resolve(SONNET, { top_k: 501 }).violations).toMatchObject([
      { parameter: 'top_k', rule: 'range', reason: 'Anthropic-specific top-k sampling' },
    ]);
  });
});

describe('names', () => {
  it('take null as absent', () => {
    expect(resolve(SONNET, { temperature: null, stream_options: null, max_tokens: 5 }).parameters).toEqual({
      max_tokens: 5,
    });
  });

  it('refuse both names of one parameter with different values, and take them with the same', () => {
    expect(resolve(MINI, { max_tokens: 5, max_completion_tokens: 6 }).violations).toMatchObject([
      { parameter: 'max_tokens', rule: 'conflicting_names', conflictsWith: 'max_completion_tokens' },
    ]);
    expect(resolve(MINI, { max_completion_tokens: 6, max_tokens: 6 }).parameters).toEqual({ max_completion_tokens: 6 });
  });

  it('treat the two output limits as one where the model names neither', () => {
    expect(resolve({}, { max_tokens: 5, max_completion_tokens: 6 }).violations).toHaveLength(1);
    expect(resolve({}, { max_tokens: 5, max_completion_tokens: 5 }).parameters).toEqual({ max_completion_tokens: 5 });
    expect(resolve({}, { max_tokens: 5 }).parameters).toEqual({ max_tokens: 5 });
  });

  it('send the name that the model lists', () => {
    expect(resolve(SONNET, { max_completion_tokens: 7 }).parameters).toEqual({ max_tokens: 7 });
  });

  it('follow a chain of renames', () => {
    const constraints: ParameterConstraints = {
      presence_penalty: { supported: true, alternativeName: 'frequency_penalty' },
      frequency_penalty: { supported: true, min: 0, max: 1 },
    };
    expect(resolve(constraints, { presence_penalty: 2 }).violations).toMatchObject([
      { parameter: 'presence_penalty', rule: 'range' },
    ]);
    expect(resolve(constraints, { presence_penalty: 1 }).parameters).toEqual({ frequency_penalty: 1 });
  });
});

describe('support', () => {
  const constraints: ParameterConstraints = {
    presence_penalty: { supported: false, default: 0 },
    logit_bias: { supported: false },
    n: { supported: false },
  };

  it('refuses an unsupported parameter with the way out', () => {
    expect(resolve(constraints, { logit_bias: { '50256': -100 } }).violations).toMatchObject([
      {
        parameter: 'logit_bias',
        rule: 'unsupported',
        suggestion: expect.stringContaining('X-Unsupported-Parameters: drop'),
      },
    ]);
  });

  it('lets the provider’s default pass without sending it', () => {
    const resolution = resolve(constraints, { presence_penalty: 0, n: 1 });
    expect(resolution.violations).toEqual([]);
    expect(resolution.parameters).toEqual({});
    expect(header(constraints, { presence_penalty: 0 })).toBe('presence_penalty=omitted');
  });

  it('drops by name when the caller asks for it, but never a value out of range', () => {
    expect(header(constraints, { logit_bias: {}, presence_penalty: 1 }, { unsupported: 'drop' })).toBe(
      'logit_bias=dropped, presence_penalty=dropped',
    );
    expect(resolve(SONNET, { temperature: 2 }, { unsupported: 'drop' }).violations).toHaveLength(1);
    expect(header(MINI, { top_k: 4, max_completion_tokens: 1 }, { unsupported: 'drop' })).toBe('top_k=dropped');
  });
});

describe('policies', () => {
  it('clamp to the nearest bound or allowed value', () => {
    const constraints: ParameterConstraints = {
      temperature: { supported: true, min: 0, max: 1, onViolation: 'clamp' },
      top_p: { supported: true, allowedValues: [0.1, 0.5], onViolation: 'clamp' },
      n: { supported: true, exclusiveMax: 4, onViolation: 'clamp' },
    };
    expect(resolve(constraints, { temperature: 1.7, top_p: 0.4, n: 9 }).parameters).toEqual({
      temperature: 1,
      top_p: 0.5,
      n: 3,
    });
    expect(header(constraints, { temperature: 1.7 })).toBe('temperature=clamped;value=1;from=1.7');
    expect(resolve(constraints, { temperature: 'hot' }).violations).toMatchObject([{ rule: 'type' }]);
    expect(resolve(constraints, { n: 0 }).violations).toMatchObject([{ rule: 'range', range: { min: 1, max: 128 } }]);
  });

  it('drop, or warn and pass', () => {
    const constraints: ParameterConstraints = {
      temperature: { supported: true, min: 0, max: 1, onViolation: 'drop' },
      top_p: { supported: true, min: 0, max: 0.5, onViolation: 'warn' },
    };
    const resolution = resolve(constraints, { temperature: 2, top_p: 0.9 });
    expect(resolution.parameters).toEqual({ top_p: 0.9 });
    expect(formatParametersApplied(resolution.applied)).toBe('temperature=dropped, top_p=warned');
  });

  it('never let a warning lift the bounds of the price', () => {
    const constraints: ParameterConstraints = { n: { supported: true, onViolation: 'warn' } };
    expect(resolve(constraints, { n: 1_000 }).violations).toMatchObject([{ parameter: 'n', rule: 'range' }]);
    expect(resolve({}, { n: 129 }).violations).toHaveLength(1);
    expect(resolve({}, { max_tokens: 0 }).violations).toHaveLength(1);
    expect(resolve({}, { max_tokens: 1.5 }).violations).toMatchObject([{ rule: 'type' }]);
  });

  it('keep exclusive bounds', () => {
    const constraints: ParameterConstraints = { temperature: { supported: true, exclusiveMin: 0, max: 2 } };
    expect(resolve(constraints, { temperature: 0 }).violations).toMatchObject([
      { rule: 'range', range: { exclusiveMin: 0, max: 2 }, reason: 'temperature must be above 0 to 2.' },
    ]);
    expect(resolve(constraints, { temperature: 0.01 }).violations).toEqual([]);
  });

  it('limit lists and their items', () => {
    const constraints: ParameterConstraints = { stop: { supported: true, maxItems: 2, maxItemLength: 3 } };
    expect(resolve(constraints, { stop: 'abcd' }).violations).toMatchObject([{ rule: 'max_item_length', limit: 3 }]);
    expect(resolve(constraints, { stop: ['a', 'b', 'cdefg'] }).violations).toHaveLength(2);
    expect(resolve(constraints, { stop: ['a', 'b'] }).violations).toEqual([]);
  });

  // Planted: the model's own word lowered to what holds where a model says nothing; no end to what it may say.
  it('let a model take more items than others, up to what any may take', () => {
    const texts = (count: number) => ({ stop: Array.from({ length: count }, (_, index) => `END ${index}`) });
    const limitOf = (maxItems: number | undefined, count: number, onViolation?: 'warn') => {
      const stop = { supported: true, ...(maxItems && { maxItems }), ...(onViolation && { onViolation }) };
      const shown = offeredParameters({ parameterConstraints: { stop }, maxOutputTokens: 100 }, 100).stop?.maxItems;
      const { violations } = resolve({ stop }, texts(count));
      return [shown, violations[0] && 'limit' in violations[0] ? violations[0].limit : null];
    };
    expect(limitOf(undefined, 5)).toEqual([5, null]);
    expect(limitOf(undefined, 6)).toEqual([5, 5]);
    expect(limitOf(16, 16)).toEqual([16, null]);
    expect(limitOf(16, 17)).toEqual([16, 16]);
    expect(limitOf(1_000, 64)).toEqual([64, null]);
    expect(limitOf(1_000, 65)).toEqual([64, 64]);
    expect(limitOf(2, 3, 'warn')).toEqual([2, null]);
    expect(limitOf(2, 6, 'warn')).toEqual([2, 2]);
  });
});

describe('the output limit', () => {
  it('takes the server’s default where the model names none, within the model’s range', () => {
    expect(resolve({}, {}, { outputTokensDefault: 4096 })).toMatchObject({
      parameters: { max_tokens: 4096 },
      outputLimit: { parameter: 'max_tokens', tokens: 4096 },
    });
    const small: ParameterConstraints = { max_completion_tokens: { supported: true, min: 1, max: 100 } };
    expect(resolve(small, {}, { outputTokensDefault: 4096 }).parameters).toEqual({ max_completion_tokens: 100 });
    expect(resolve({}, {}).outputLimit).toBeNull();
  });

  it('is not replaced by a default when it was refused', () => {
    const resolution = resolve(MINI, { max_tokens: 0 });
    expect(resolution.violations).toHaveLength(1);
    expect(resolution.outputLimit).toBeNull();
  });
});
