import fc from 'fast-check';
import {
  CONSTRAINED_PARAMETERS,
  PARAMETER_BASELINES,
  isOutputLimit,
  type ConstrainedParameter,
} from './constrained-parameters.js';
import { constraintDocumentIssues } from './constraint-document.js';
import {
  VIOLATION_POLICIES,
  type ParameterConstraint,
  type ParameterConstraints,
  type ParameterRule,
} from './parameter-constraint.js';
import { decideParameter } from './parameter-decision.js';
import { resolveParameters, resolveStepByStep, type ResolveOptions } from './parameter-constraints.js';
import { planOf } from './parameter-plan.js';
import { resolvePlainly } from './parameter-shortcut.js';
import { formatParametersApplied } from './parameters-applied.js';

const parameterName = fc.constantFrom(...CONSTRAINED_PARAMETERS);
const plainName = fc.constantFrom(...CONSTRAINED_PARAMETERS.filter((name) => !isOutputLimit(name)));
const small = fc.integer({ min: -3, max: 12 });
const scalar = fc.oneof(small, fc.constantFrom(0.5, 1, 'none', 'low', true, false));

const constraint: fc.Arbitrary<ParameterConstraint> = fc.record(
  {
    supported: fc.boolean(),
    min: small,
    max: small,
    exclusiveMin: small,
    exclusiveMax: small,
    default: scalar,
    allowedValues: fc.array(scalar, { minLength: 1, maxLength: 3 }),
    maxItems: fc.integer({ min: 1, max: 3 }),
    maxItemLength: fc.integer({ min: 1, max: 3 }),
    mutuallyExclusiveWith: fc.array(plainName, { maxLength: 2 }),
    alternativeName: parameterName,
    onViolation: fc.constantFrom(...VIOLATION_POLICIES),
  },
  { requiredKeys: ['supported'] },
);

/** Keeps of a document what is valid, entry by entry, so that hardly any is thrown away. */
function validPart(entries: [ConstrainedParameter, ParameterConstraint][]): ParameterConstraints {
  let kept: ParameterConstraints = {};
  for (const [name, entry] of entries) {
    const keys = Object.keys(entry).filter((key) => key !== 'supported') as (keyof ParameterConstraint)[];
    kept = { ...kept, [name]: { supported: entry.supported } };
    if (constraintDocumentIssues(kept as Record<string, ParameterConstraint>, []).length > 0) {
      delete kept[name];
      continue;
    }
    for (const key of keys) {
      const wider = { ...kept, [name]: { ...kept[name], [key]: entry[key] } } as Record<string, ParameterConstraint>;
      if (constraintDocumentIssues(wider, []).length === 0) kept = wider;
    }
  }
  return kept;
}

const generated = fc
  .uniqueArray(fc.tuple(parameterName, constraint), { selector: ([name]) => name, maxLength: 8 })
  .map(validPart);

const rule: fc.Arbitrary<ParameterRule> = fc
  .record(
    {
      parameters: fc.uniqueArray(plainName, { minLength: 1, maxLength: 3 }),
      unless: fc.record({ parameter: plainName, in: fc.array(scalar, { minLength: 1, maxLength: 2 }) }),
      onViolation: fc.constantFrom('reject' as const, 'drop' as const, 'warn' as const),
    },
    { requiredKeys: ['parameters', 'unless'] },
  )
  .filter((candidate) => constraintDocumentIssues({}, [candidate]).length === 0);

const request = fc.dictionary(
  fc.oneof({ weight: 9, arbitrary: parameterName }, { weight: 1, arbitrary: fc.constantFrom('messages', 'user') }),
  fc.oneof(scalar, fc.constantFrom(null, ['a'], ['a', 'b', 'cd', 'efgh'], 'text', {}, { a: 1 })),
  { maxKeys: 8 },
);

const options: fc.Arbitrary<ResolveOptions> = fc.record(
  { unsupported: fc.constantFrom('reject' as const, 'drop' as const), outputTokensDefault: fc.constantFrom(1, 4096) },
  { requiredKeys: [] },
);

const scenario = fc.record({
  constraints: generated,
  rules: fc.array(rule, { maxLength: 3 }),
  requested: request,
  options,
});

const RUNS = { numRuns: 500 };

describe('resolveParameters, for any valid constraints and any request', () => {
  it('answers the same on the short way as step by step', () => {
    let shortcuts = 0;
    fc.assert(
      fc.property(scenario, ({ constraints, rules, requested, options: chosen }) => {
        const plan = planOf(constraints);
        const plain = resolvePlainly(plan, rules, requested, chosen);
        if (!plain) return;
        shortcuts += 1;
        expect(plain).toEqual(resolveStepByStep(plan, rules, requested, chosen));
      }),
      { numRuns: 3_000 },
    );
    expect(shortcuts).toBeGreaterThan(300);
  });

  it('changes nothing when it resolves its own answer', () => {
    fc.assert(
      fc.property(scenario, ({ constraints, rules, requested, options: chosen }) => {
        const first = resolveParameters(constraints, rules, requested, chosen);
        fc.pre(first.violations.length === 0);
        const second = resolveParameters(constraints, rules, first.parameters, chosen);
        expect(second.violations).toEqual([]);
        expect(second.parameters).toEqual(first.parameters);
        expect(second.outputLimit).toEqual(first.outputLimit);
        expect(second.applied.filter(({ action }) => action !== 'warned')).toEqual([]);
      }),
      RUNS,
    );
  });

  it('answers with parameters that satisfy the constraints, warnings aside', () => {
    fc.assert(
      fc.property(scenario, ({ constraints, rules, requested, options: chosen }) => {
        const { parameters, applied } = resolveParameters(constraints, rules, requested, chosen);
        const warned = new Set(applied.filter(({ action }) => action === 'warned').map(({ parameter }) => parameter));
        for (const [name, value] of Object.entries(parameters)) {
          if (!(name in PARAMETER_BASELINES) || warned.has(name)) continue;
          const parameter = name as ConstrainedParameter;
          const own = constraints[parameter];
          if (own?.alternativeName !== undefined) throw new Error(`${name} was sent although it has another name`);
          const decision = decideParameter({
            offeredAs: name,
            value,
            constraint: own,
            baseline: { ...PARAMETER_BASELINES[parameter], isExtension: undefined as never },
            isDropRequested: false,
          });
          expect(decision).toEqual({ outcome: 'kept' });
        }
      }),
      RUNS,
    );
  });

  it('names in every violation a parameter that was offered', () => {
    fc.assert(
      fc.property(scenario, ({ constraints, rules, requested, options: chosen }) => {
        for (const { parameter, reason, suggestion } of resolveParameters(constraints, rules, requested, chosen)
          .violations) {
          expect(requested[parameter] ?? null).not.toBeNull();
          expect(reason).not.toBe('');
          expect(suggestion).not.toBe('');
        }
      }),
      RUNS,
    );
  });

  it('changes nothing silently: what is not sent as it came is named', () => {
    fc.assert(
      fc.property(scenario, ({ constraints, rules, requested, options: chosen }) => {
        const { parameters, applied, violations } = resolveParameters(constraints, rules, requested, chosen);
        const named = new Set([...applied, ...violations].map(({ parameter }) => parameter));
        for (const { conflictsWith } of violations) if (conflictsWith !== undefined) named.add(conflictsWith);
        for (const [name, value] of Object.entries(requested)) {
          if (value !== null && parameters[name] !== value) expect(named).toContain(name);
        }
        for (const name of Object.keys(parameters)) {
          if (!(name in requested)) expect([...named, ...applied.map(({ to }) => to)]).toContain(name);
        }
        expect(formatParametersApplied(applied)).toMatch(/^[\x20-\x7e]*$/);
      }),
      RUNS,
    );
  });
});
