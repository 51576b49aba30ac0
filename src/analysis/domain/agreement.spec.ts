import fc from 'fast-check';
import { agreementOf } from './agreement.js';

const result = fc.dictionary(
  fc.constantFrom('a', 'b', 'c'),
  fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.array(fc.string()), fc.boolean()),
);

describe('the agreement of two results', () => {
  it('is complete for the same, symmetric, and between 0 and 1', () => {
    fc.assert(
      fc.property(result, result, (one, other) => {
        expect(agreementOf(one, one)).toBe(1);
        expect(agreementOf(one, other)).toBe(agreementOf(other, one));
        expect(agreementOf(one, other)).toBeGreaterThanOrEqual(0);
        expect(agreementOf(one, other)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('counts members by how alike they are', () => {
    expect(agreementOf({ label: 'billing' }, { label: 'other' })).toBe(0);
    expect(agreementOf({ score: 1, themes: ['a', 'b'] }, { score: 0.5, themes: ['a'] })).toBe(0.5);
    expect(agreementOf({ label: 'x' }, {})).toBe(0);
  });
});
