import type { ParameterConstraints, ParameterRule } from './parameter-constraint.js';
import { resolveParameters } from './parameter-constraints.js';
import { formatParametersApplied } from './parameters-applied.js';

describe('relations', () => {
  const rules: ParameterRule[] = [
    {
      parameters: ['temperature', 'top_p'],
      unless: { parameter: 'reasoning_effort', in: ['none'] },
      reason: 'Only without reasoning',
    },
  ];
  const constraints: ParameterConstraints = {
    reasoning_effort: { supported: true, allowedValues: ['none', 'low', 'high'], default: 'low' },
    temperature: { supported: true, min: 0, max: 2, default: 1 },
  };

  it('read the effective value of the condition, requested or default', () => {
    expect(resolveParameters(constraints, rules, { temperature: 0.2 }).violations).toMatchObject([
      {
        parameter: 'temperature',
        rule: 'condition',
        conflictsWith: 'reasoning_effort',
        reason: 'Only without reasoning',
      },
    ]);
    expect(resolveParameters(constraints, rules, { temperature: 0.2, reasoning_effort: 'none' }).violations).toEqual(
      [],
    );
    expect(
      resolveParameters({ ...constraints, reasoning_effort: { supported: true, default: 'none' } }, rules, {
        temperature: 0.2,
      }).violations,
    ).toEqual([]);
  });

  it('let a default pass without sending it, and drop on request', () => {
    expect(resolveParameters(constraints, rules, { temperature: 1 })).toMatchObject({ parameters: {}, violations: [] });
    const dropped = resolveParameters(constraints, rules, { temperature: 0.2, top_p: 0.3 }, { unsupported: 'drop' });
    expect(dropped).toMatchObject({ parameters: {}, violations: [] });
    expect(formatParametersApplied(dropped.applied)).toBe('temperature=dropped, top_p=dropped');
  });

  it('warn where the rule is not certain', () => {
    const soft = rules.map((rule) => ({ ...rule, onViolation: 'warn' as const }));
    expect(resolveParameters(constraints, soft, { temperature: 0.2 })).toMatchObject({
      parameters: { temperature: 0.2 },
      violations: [],
    });
  });

  it('name an exclusion once, whichever side says it', () => {
    const both: ParameterConstraints = {
      temperature: { supported: true, mutuallyExclusiveWith: ['top_p'] },
      top_p: { supported: true, mutuallyExclusiveWith: ['temperature'] },
    };
    expect(resolveParameters(both, [], { temperature: 0.5, top_p: 0.5 }).violations).toHaveLength(1);
    const dropping: ParameterConstraints = {
      top_p: { supported: true, mutuallyExclusiveWith: ['temperature'], onViolation: 'drop' },
    };
    expect(resolveParameters(dropping, [], { temperature: 1, top_p: 0.5 }).parameters).toEqual({ temperature: 1 });
    const warning: ParameterConstraints = {
      top_p: { supported: true, mutuallyExclusiveWith: ['temperature'], onViolation: 'warn' },
    };
    expect(resolveParameters(warning, [], { temperature: 1, top_p: 0.5 }).parameters).toEqual({
      temperature: 1,
      top_p: 0.5,
    });
  });

  // Most clients send top_p: 1 beside every temperature.
  it.each(['reject', 'drop', 'warn'] as const)(
    'let a default of what excludes pass without sending it: %s',
    (policy) => {
      const one: ParameterConstraints = {
        top_p: { supported: true, mutuallyExclusiveWith: ['temperature'], onViolation: policy },
      };
      expect(resolveParameters(one, [], { temperature: 0.5, top_p: 1 })).toMatchObject({
        parameters: { temperature: 0.5 },
        violations: [],
        applied: [{ parameter: 'top_p', action: 'omitted' }],
      });
      expect(resolveParameters(one, [], { top_p: 1 }).parameters).toEqual({ top_p: 1 });
      const other = resolveParameters(one, [], { temperature: 1, top_p: 0.5 });
      expect(other.violations).toHaveLength(policy === 'reject' ? 1 : 0);
    },
  );
});
