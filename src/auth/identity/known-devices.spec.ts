import { testConfig } from '../../../test/support/test-config.js';
import { KnownDevices } from './known-devices.js';

describe('a browser that is known', () => {
  const devices = new KnownDevices(testConfig());
  const cookieOf = (email: string): string => devices.cookieFor(email).split(';')[0]!;

  it('is known to the accounts that were signed in there alone', () => {
    expect(devices.idOf(cookieOf('ada@example.com'), 'ADA@example.com')).toEqual(expect.any(String));
    expect(devices.idOf(cookieOf('ada@example.com'), 'bob@example.com')).toBeUndefined();
    expect(devices.idOf('tollgate_known_device=x.y', 'ada@example.com')).toBeUndefined();
    expect(devices.idOf(undefined, 'ada@example.com')).toBeUndefined();
  });

  // Seen failing: browsers sent the cookie of an earlier version, whose path was longer, before this one.
  it('is known by whichever of its cookies is the one', () => {
    const cookies = `${cookieOf('ada@example.com')}; other=1; ${cookieOf('bob@example.com')}`;
    for (const email of ['ada@example.com', 'bob@example.com'])
      expect(devices.idOf(cookies, email)).toEqual(expect.any(String));
  });
});
