import fc from 'fast-check';
import { beginningOf, storable, storableText, storedJson, unstorableIn } from './storable.js';

describe('what can be stored', () => {
  it('is all but NUL and halves of surrogate pairs, wherever they stand', () => {
    expect(unstorableIn({ a: ['good 😀', 1, null] })).toBeNull();
    expect(unstorableIn({ a: ['b\0'] })).toBe('a NUL character');
    expect(unstorableIn({ a: ['\ud83d'] })).toBe('half of a surrogate pair');
    expect(unstorableIn({ 'a\ude00': 1 })).toBe('half of a surrogate pair');
  });

  it('is made of any JSON, of which nothing else changes', () => {
    expect(storable({ 'a\0': ['b\ud83d', '😀', 1, null, true] })).toEqual({
      'a\ufffd': ['b\ufffd', '😀', 1, null, true],
    });
    expect(storableText('a\0b')).toBe('a\ufffdb');
    fc.assert(fc.property(fc.jsonValue({ stringUnit: 'binary' }), (json) => unstorableIn(storable(json)) === null));
    fc.assert(fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (json) => expect(storable(json)).toEqual(json)));
  });

  it('is the JSON of a column, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (json) =>
        expect(storedJson(json)).toBe(JSON.stringify(json)),
      ),
    );
    expect(storedJson({ 'a\0': ['half \ud83d', '😀'], at: new Date(0), path: '\\u0000', count: 1n })).toBe(
      '{"a\ufffd":["half \ufffd","😀"],"at":"1970-01-01T00:00:00.000Z","path":"\\\\u0000","count":"1"}',
    );
  });

  it('is what a text begins with, to the last whole character', () => {
    expect(beginningOf('ab😀', 3)).toBe('ab');
    expect(beginningOf('ab😀', 4)).toBe('ab😀');
    expect(beginningOf('abc', 2)).toBe('ab');
  });
});
