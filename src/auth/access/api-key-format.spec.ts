import fc from 'fast-check';
import { hashOf, isWellFormed, looksLikeApiKey, newApiKey, prefixOf } from './api-key-format.js';

describe('an API key', () => {
  it('is known by its beginning, goes into a header as it is, and is never made twice', () => {
    const keys = Array.from({ length: 200 }, newApiKey);
    for (const key of keys) {
      expect(key).toMatch(/^tg_[0-9A-Za-z]{46}$/);
      expect(looksLikeApiKey(key)).toBe(true);
      expect(isWellFormed(key)).toBe(true);
      expect(hashOf(key)).toHaveLength(32);
      expect(key.startsWith(prefixOf(key))).toBe(true);
      expect(prefixOf(key)).toHaveLength(9);
    }
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('with one wrong character, cut off or drawn out is known to be no key', () => {
    const key = newApiKey();
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: key.length - 1 }),
        fc.constantFrom('a', 'Z', '0', '9', '_', '-'),
        (index, character) => {
          const wrong = `${key.slice(0, index)}${character}${key.slice(index + 1)}`;
          expect(isWellFormed(wrong)).toBe(wrong === key);
          expect(isWellFormed(key.slice(0, index))).toBe(false);
        },
      ),
    );
    expect(isWellFormed(`${key}a`)).toBe(false);
    expect(isWellFormed(`${key}\n`)).toBe(false);
    expect(looksLikeApiKey('eyJhbGciOiJFUzI1NiJ9.e30.x')).toBe(false);
  });
});
