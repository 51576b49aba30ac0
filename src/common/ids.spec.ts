import { isUuid, newId } from './ids.js';

describe('a new id', () => {
  // Removed once: the counter. About half of the ids of a millisecond then come before the one made earlier.
  it('comes after every id that was made before, and is a UUIDv7 of about now', () => {
    const before = Date.now();
    const ids = Array.from({ length: 50_000 }, newId);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.filter((id) => !isUuid(id) || id[14] !== '7')).toEqual([]);
    const time = (id: string) => parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
    expect(time(ids[0]!)).toBeGreaterThanOrEqual(before);
    expect(time(ids.at(-1)!)).toBeLessThan(Date.now() + 50);
  });
});
