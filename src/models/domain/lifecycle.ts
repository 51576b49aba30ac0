import type { LifecycleFlags } from './tier-and-lifecycle.js';

/** Where a model stands: offered, switched off for now, kept for those who still use it, or gone. */
export const LIFECYCLES = ['available', 'unavailable', 'legacy', 'archived'] as const;

export type Lifecycle = (typeof LIFECYCLES)[number];

/** Which step may follow which. Nothing is archived that was not announced as legacy first. */
export const TRANSITIONS: Readonly<Record<Lifecycle, readonly Lifecycle[]>> = {
  available: ['unavailable', 'legacy'],
  unavailable: ['available', 'legacy'],
  legacy: ['archived', 'available', 'unavailable'],
  archived: ['legacy'],
};

const FLAGS: Readonly<Record<Lifecycle, LifecycleFlags>> = {
  available: { isAvailable: true, isLegacy: false, isArchived: false },
  unavailable: { isAvailable: false, isLegacy: false, isArchived: false },
  legacy: { isAvailable: true, isLegacy: true, isArchived: false },
  archived: { isAvailable: false, isLegacy: true, isArchived: true },
};

export function lifecycleOf({ isAvailable, isLegacy, isArchived }: LifecycleFlags): Lifecycle {
  if (isArchived) return 'archived';
  if (!isAvailable) return 'unavailable';
  return isLegacy ? 'legacy' : 'available';
}

export function flagsOf(lifecycle: Lifecycle): LifecycleFlags {
  return { ...FLAGS[lifecycle] };
}

/** What the guards of a transition look at: the model as it would be, and its neighbours. */
export interface TransitionTerms {
  from: Lifecycle;
  to: Lifecycle;
  isPriced: boolean;
  sunsetDate: string | undefined;
  /** UTC. */
  today: string;
  successor: { id: string; lifecycle: Lifecycle } | undefined;
  /** Models that are still called and name this one as their successor. */
  dependents: readonly string[];
}

/** Everything that stands against a transition, each with its way out; empty when it may happen. */
export function transitionRefusals(terms: TransitionTerms): string[] {
  const { from, to, today, sunsetDate, successor } = terms;
  if (!TRANSITIONS[from].includes(to)) {
    return [`From ${from} a model can become ${TRANSITIONS[from].join(' or ')}.`];
  }
  const refusals: string[] = [];
  if (to !== 'unavailable' && to !== 'archived' && !terms.isPriced) {
    refusals.push('The model has no complete price; set its costs and credits first.');
  }
  if (to === 'legacy' && sunsetDate !== undefined && sunsetDate <= today) {
    refusals.push(`The sunset date ${sunsetDate} has come; send a later sunsetDate, or null for none.`);
  }
  if (to === 'legacy' && successor?.lifecycle === 'archived') {
    refusals.push(`The successor ${successor.id} is archived; name another.`);
  }
  if (to === 'available' && sunsetDate !== undefined) {
    refusals.push(`A model with a sunset date (${sunsetDate}) cannot be offered anew; send sunsetDate: null.`);
  }
  if (to === 'archived' && sunsetDate !== undefined && sunsetDate > today) {
    refusals.push(`Users were told ${sunsetDate}; wait until then, or change the sunset date first.`);
  }
  if (to === 'archived' && terms.dependents.length > 0) {
    refusals.push(`${terms.dependents.join(', ')} name it as their successor; give them another first.`);
  }
  return refusals;
}
