import fc from 'fast-check';
import { networkOf } from './network.js';
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

describe('a sender', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:DB8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
  ])('from %s is counted as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('has one network however his address is chosen in it', () => {
    const group = fc.integer({ min: 1, max: 0xffff }).map((number) => number.toString(16));
    const groups = fc.array(group, { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(groups, groups, groups, (network, one, two) => {
        expect(networkOf([...network, ...one].join(':'))).toBe(networkOf([...network, ...two].join(':')));
      }),
    );
  });
});
