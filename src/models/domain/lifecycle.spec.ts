import fc from 'fast-check';
import {
  flagsOf,
  LIFECYCLES,
  lifecycleOf,
  TRANSITIONS,
  transitionRefusals,
  type TransitionTerms,
} from './lifecycle.js';

const TERMS: Omit<TransitionTerms, 'from' | 'to'> = {
  isPriced: true,
  sunsetDate: undefined,
  today: '2026-11-22',
  successor: undefined,
  dependents: [],
};

describe('the life of a model', () => {
  it('is read from its flags, whatever they are', () => {
    for (const lifecycle of LIFECYCLES) expect(lifecycleOf(flagsOf(lifecycle))).toBe(lifecycle);
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.boolean(), (isAvailable, isLegacy, isArchived) => {
        const lifecycle = lifecycleOf({ isAvailable, isLegacy, isArchived });
        expect(lifecycle === 'archived').toBe(isArchived);
        if (lifecycle === 'available') expect([isAvailable, isLegacy]).toEqual([true, false]);
      }),
    );
  });

  it('goes from available to archived only over legacy, and every step but the last has a way back', () => {
    expect(TRANSITIONS.available).not.toContain('archived');
    expect(TRANSITIONS.unavailable).not.toContain('archived');
    for (const from of LIFECYCLES) {
      for (const to of LIFECYCLES) {
        const [refusal] = transitionRefusals({ ...TERMS, from, to });
        expect(refusal === undefined).toBe(TRANSITIONS[from].includes(to));
        if (refusal) expect(refusal).toContain(`From ${from} a model can become`);
      }
    }
  });

  it.each<[string, Partial<TransitionTerms> & Pick<TransitionTerms, 'from' | 'to'>]>([
    ['no complete price', { from: 'unavailable', to: 'available', isPriced: false }],
    ['the sunset date 2026-11-22 has come', { from: 'available', to: 'legacy', sunsetDate: '2026-11-22' }],
    ['told 2026-11-23', { from: 'legacy', to: 'archived', sunsetDate: '2026-11-23' }],
    ['cannot be offered anew', { from: 'legacy', to: 'available', sunsetDate: '2027-01-01' }],
    ['older name it as their successor', { from: 'legacy', to: 'archived', dependents: ['older'] }],
    [
      'successor gone is archived',
      { from: 'available', to: 'legacy', successor: { id: 'gone', lifecycle: 'archived' } },
    ],
  ])('is refused with a way out: %s', (text, change) => {
    const refusals = transitionRefusals({ ...TERMS, ...change });
    expect(refusals).toHaveLength(1);
    expect(refusals[0]?.toLowerCase()).toContain(text.toLowerCase());
  });

  it('lets a model that was announced go on its day', () => {
    expect(transitionRefusals({ ...TERMS, from: 'legacy', to: 'archived', sunsetDate: '2026-11-22' })).toEqual([]);
  });
});
