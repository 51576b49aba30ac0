import { resolveModelParameters } from './model-parameters.js';
import type { ParameterConstraint } from './parameter-constraint.js';

describe('the bounds that hold beside a model’s own', () => {
  const resolve = (requested: Record<string, unknown>, constraint: Pick<ParameterConstraint, 'onViolation'> = {}) => {
    const parameterConstraints = {
      max_tokens: { supported: true, max: 9_000, ...constraint },
      n: { supported: true, max: 100, ...constraint },
    };
    return resolveModelParameters({ maxOutputTokens: 500, parameterConstraints }, requested, {
      outputTokensDefault: 4_096,
    });
  };

  it('refuse what is above them, by the name that was sent', () => {
    const { violations } = resolve({ max_completion_tokens: 501, n: 9 });
    expect(violations).toMatchObject([
      { parameter: 'n', range: { min: 1, max: 8 } },
      { parameter: 'max_completion_tokens', range: { min: 1, max: 500 } },
    ]);
    expect(resolve({ max_tokens: 500, n: 8 })).toMatchObject({ violations: [], choices: 8 });
  });

  // Removed once: a model that says clamp refused what its own bound let through.
  it.each([
    ['below its own bound', 8_000, 50],
    ['above its own bound too', 10_000, 200],
  ])('take the nearest value where the model says so: %s', (_name, tokens, choices) => {
    const resolved = resolve({ max_tokens: tokens, n: choices }, { onViolation: 'clamp' });
    expect(resolved).toMatchObject({
      violations: [],
      parameters: { max_tokens: 500, n: 8 },
      outputLimit: { parameter: 'max_tokens', tokens: 500 },
      choices: 8,
    });
    expect(resolved.applied).toEqual(
      expect.arrayContaining([
        { parameter: 'max_tokens', action: 'clamped', value: 500, from: tokens },
        { parameter: 'n', action: 'clamped', value: 8, from: choices },
      ]),
    );
  });
});
