import type { ModelParameters } from './model-parameters.js';
import type { AppliedChange, ParameterViolation } from './parameter-violation.js';

/** What became of one parameter that was tried. */
export interface TrialDecision {
  parameter: string;
  /** As it was asked for; absent for one that nobody asked for. */
  requested?: unknown;
  outcome: 'passed' | 'renamed' | 'clamped' | 'dropped' | 'omitted' | 'warned' | 'defaulted' | 'ignored' | 'refused';
  /** Under which name and with which value it would go to the provider. */
  sentAs?: string;
  sent?: unknown;
  explanation: string;
  violations: ParameterViolation[];
}

/** Tells of every parameter that was tried, and of those added, what would happen to it and why. */
export function explainTrial(requested: Readonly<Record<string, unknown>>, resolved: ModelParameters): TrialDecision[] {
  const decisions = Object.entries(requested).map(([parameter, value]) => explain(parameter, value, resolved));
  const added = resolved.applied.filter(({ action, parameter }) => action === 'defaulted' && !(parameter in requested));
  return [
    ...decisions,
    ...added.map(({ parameter, value }): TrialDecision => ({
      parameter,
      outcome: 'defaulted',
      sentAs: parameter,
      sent: value,
      explanation: 'Nobody asked for it; it is sent because it bounds what the request can cost.',
      violations: [],
    })),
  ];
}

function explain(parameter: string, requested: unknown, resolved: ModelParameters): TrialDecision {
  const violations = resolved.violations.filter((violation) => violation.parameter === parameter);
  if (requested === null) return decision('ignored', 'null means that it was not sent.');
  if (violations.length > 0) return decision('refused', violations.map(({ reason }) => reason).join(' '));
  const renaming = resolved.applied.find((change) => change.parameter === parameter && change.action === 'renamed');
  const sentAs = renaming?.to ?? parameter;
  const change = resolved.applied.findLast((candidate) => candidate.parameter === sentAs && candidate !== renaming);
  if (change && change.action !== 'renamed' && change.action !== 'redirected' && change.action !== 'preferred') {
    return { ...decision(change.action, EXPLANATIONS[change.action]), ...sent() };
  }
  if (resolved.violations.length > 0 && !(sentAs in resolved.parameters)) {
    return decision('refused', 'Another name for the same parameter was refused.');
  }
  if (renaming) return { ...decision('renamed', `The provider calls it ${sentAs}.`), ...sent() };
  return { ...decision('passed', 'It is sent as it came.'), ...sent() };

  function decision(outcome: TrialDecision['outcome'], explanation: string): TrialDecision {
    return { parameter, requested, outcome, explanation, violations };
  }

  function sent(): Partial<TrialDecision> {
    return sentAs in resolved.parameters ? { sentAs, sent: resolved.parameters[sentAs] } : {};
  }
}

const EXPLANATIONS: Readonly<Record<Exclude<AppliedChange['action'], 'renamed' | 'redirected' | 'preferred'>, string>> =
  {
    clamped: 'It was outside the range, and the model’s policy is to take the nearest value.',
    dropped: 'The model does not take it here, and it is left out because that was asked for or is the model’s policy.',
    omitted: 'It is the value that holds anyway, so it passes and is not sent.',
    warned: 'It is sent although the model may refuse it: the rule is only a warning.',
    defaulted: 'Its default is sent.',
  };
