import { plainAddress } from './client-address.js';

describe('the address of a client', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:51234', '203.0.113.7'],
    ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:203.0.113.7', '::ffff:203.0.113.7'],
    ['unknown', undefined],
    ['_hidden', undefined],
    ['203.0.113.7:', undefined],
    ['999.0.0.1:80', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('as %s is %s', (written, address) => {
    expect(plainAddress(written)).toBe(address);
  });
});
