import fc from 'fast-check';
import { networkOf } from './network.js';

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
