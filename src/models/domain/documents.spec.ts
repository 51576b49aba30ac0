import fc from 'fast-check';
import { diffDocuments } from './document-diff.js';
import { mergePatch } from './merge-patch.js';

describe('the difference of two documents', () => {
  it('names each place with what was there and what is', () => {
    const before = { a: 1, b: { c: [1, 2], d: 'x' }, gone: true };
    const after = { a: 1, b: { c: [2, 1], d: 'x' }, added: null };
    expect(diffDocuments(before, after)).toEqual([
      { path: 'b.c', before: [1, 2], after: [2, 1] },
      { path: 'gone', before: true },
      { path: 'added', after: null },
    ]);
  });

  it('is empty for equal documents only', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(diffDocuments(a, a)).toEqual([]);
        const isSame = JSON.stringify(a) === JSON.stringify(b);
        if (diffDocuments({ a }, { a: b }).length === 0) expect(a).toEqual(b);
        else expect(isSame).toBe(false);
      }),
    );
  });

  it('is not misled by names that every object has', () => {
    expect(diffDocuments({}, { constructor: 1 })).toEqual([{ path: 'constructor', after: 1 }]);
  });
});

describe('a merge patch', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('makes of %j with %j what RFC 7396 says', (document, patch, expected) => {
    expect(mergePatch(document, patch)).toEqual(expected);
  });
});
