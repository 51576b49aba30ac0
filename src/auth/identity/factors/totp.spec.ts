import fc from 'fast-check';
import { base32, codeAt, enrolmentUri, stepOf } from './totp.js';

const SECRET = Buffer.from('12345678901234567890');

describe('a one-time code', () => {
  it.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('is that of RFC 6238, appendix B, at %d seconds', (seconds, code) => {
    expect(codeAt(SECRET, Math.floor(seconds / 30))).toBe(code);
    expect(stepOf(code, SECRET, new Date(seconds * 1000), 0)).toBe(Math.floor(seconds / 30));
  });

  it('works in its step and those beside it, and never at or before the last one used', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 2 ** 31 }),
        fc.integer({ min: -3, max: 3 }),
        fc.nat(3),
        (step, drift, used) => {
          const found = stepOf(codeAt(SECRET, step + drift), SECRET, new Date(step * 30_000 + 1), step - used);
          if (found !== null) expect(found).toBeGreaterThan(step - used);
          if (Math.abs(drift) <= 1 && drift > -used) expect(found).toBe(step + drift);
        },
      ),
    );
  });

  it.each(['', '12345', '1234567', 'abcdef', '28708２'])('is not %j', (code) => {
    expect(stepOf(code, SECRET, new Date(59_000), 0)).toBeNull();
  });

  it('has its secret written as apps read it', () => {
    expect(base32(Buffer.from('foobar'))).toBe('MZXW6YTBOI');
    expect(enrolmentUri(Buffer.from('foobar'), 'a+b@example.com', 'Tollgate')).toBe(
      'otpauth://totp/Tollgate:a%2Bb%40example.com?secret=MZXW6YTBOI&issuer=Tollgate',
    );
  });
});
