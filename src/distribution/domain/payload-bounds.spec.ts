import { findExcess, PAYLOAD_DEPTH_MAX, PAYLOAD_NAME_LENGTH_MAX, PAYLOAD_VALUES_MAX } from './payload-bounds.js';

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = level % 2 ? [value] : { a: value };
  return value;
}

describe('the bounds of a report', () => {
  it('hold at each of them and refuse what is one beyond', () => {
    expect(findExcess(nested(PAYLOAD_DEPTH_MAX))).toBeNull();
    expect(findExcess(nested(PAYLOAD_DEPTH_MAX + 1))).toMatch(/levels/);
    expect(findExcess(Array.from({ length: PAYLOAD_VALUES_MAX - 1 }, () => 1))).toBeNull();
    expect(findExcess(Array.from({ length: PAYLOAD_VALUES_MAX }, () => 1))).toMatch(/values/);
    expect(findExcess({ ['n'.repeat(PAYLOAD_NAME_LENGTH_MAX)]: 1 })).toBeNull();
    expect(findExcess({ ['n'.repeat(PAYLOAD_NAME_LENGTH_MAX + 1)]: 1 })).toMatch(/name/);
  });

  it('count the values of every level', () => {
    const wide = Array.from({ length: 300 }, () => Array.from({ length: 200 }, () => 1));
    expect(findExcess(wide)).toMatch(/values/);
  });
});
