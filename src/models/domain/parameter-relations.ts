import { PARAMETER_BASELINES, isConstrainedParameter } from './constrained-parameters.js';
import type { ParameterConstraint, ParameterRule } from './parameter-constraint.js';
import { effectiveDefault } from './parameter-decision.js';
import { isAllowed, isSameValue } from './parameter-value.js';
import {
  conditionViolation,
  exclusionViolation,
  type AppliedChange,
  type ParameterViolation,
} from './parameter-violation.js';

/** A parameter under way: what the caller called it, and what it is worth by now. */
export interface OfferedParameter {
  offeredAs: string;
  value: unknown;
}

/** Two parameters of which one forbids the other, by the names they are sent under. */
export interface Exclusion {
  /** The one whose constraint says so; its policy decides. */
  parameter: string;
  other: string;
  constraint: ParameterConstraint;
}

export interface Relations {
  exclusions: readonly Exclusion[];
  rules: readonly ParameterRule[];
  /** The constraint that governs a wire name. */
  governing: (name: string) => ParameterConstraint | undefined;
  isDropRequested: boolean;
}

/**
 * Exclusions and conditions among the offered parameters. Drops first, until nothing more has to go, since each can lift or bring another
 * relation; then all refusals at once. Takes what was dropped out of `offered`.
 */
export function applyRelations(
  offered: Map<string, OfferedParameter>,
  relations: Relations,
): { applied: AppliedChange[]; violations: ParameterViolation[]; refused: Set<string> } {
  const applied: AppliedChange[] = [];
  for (let change = nextDrop(offered, relations); change; change = nextDrop(offered, relations)) {
    offered.delete(change.parameter);
    applied.push(change);
  }
  const violations: ParameterViolation[] = [];
  const refused = new Set<string>();
  for (const { parameter, rule } of brokenRules(offered, relations)) {
    const { offeredAs, value } = offered.get(parameter)!;
    if (rule.onViolation === 'warn') {
      applied.push({ parameter, action: 'warned' });
    } else {
      refused.add(parameter);
      violations.push(conditionViolation(offeredAs, value, rule.unless, rule.reason));
    }
  }
  for (const { parameter, other, constraint } of brokenExclusions(offered, relations)) {
    const { offeredAs, value } = offered.get(parameter)!;
    if (constraint.onViolation === 'warn') {
      applied.push({ parameter, action: 'warned' });
    } else {
      refused.add(parameter);
      violations.push(exclusionViolation(offeredAs, value, offered.get(other)!.offeredAs, constraint.reason));
    }
  }
  return { applied, violations, refused };
}

function nextDrop(offered: Map<string, OfferedParameter>, relations: Relations): AppliedChange | undefined {
  for (const { parameter, rule } of brokenRules(offered, relations)) {
    if (isSameValue(offered.get(parameter)!.value, defaultOf(parameter, relations)))
      return { parameter, action: 'omitted' };
    if (relations.isDropRequested || rule.onViolation === 'drop') return { parameter, action: 'dropped' };
  }
  for (const { parameter, constraint } of brokenExclusions(offered, relations)) {
    if (isSameValue(offered.get(parameter)!.value, defaultOf(parameter, relations)))
      return { parameter, action: 'omitted' };
    if (constraint.onViolation === 'drop') return { parameter, action: 'dropped' };
  }
  return undefined;
}

function brokenRules(
  offered: ReadonlyMap<string, OfferedParameter>,
  relations: Relations,
): { parameter: string; rule: ParameterRule }[] {
  return relations.rules.flatMap((rule) => {
    const condition = offered.get(rule.unless.parameter);
    const effective = condition ? condition.value : defaultOf(rule.unless.parameter, relations);
    if (isAllowed(effective, rule.unless.in)) return [];
    return rule.parameters.filter((parameter) => offered.has(parameter)).map((parameter) => ({ parameter, rule }));
  });
}

function brokenExclusions(offered: ReadonlyMap<string, OfferedParameter>, relations: Relations): Exclusion[] {
  return relations.exclusions.filter(({ parameter, other }) => offered.has(parameter) && offered.has(other));
}

function defaultOf(name: string, relations: Relations): unknown {
  if (!isConstrainedParameter(name)) return undefined;
  return effectiveDefault(relations.governing(name), PARAMETER_BASELINES[name]);
}
