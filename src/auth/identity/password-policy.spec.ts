import fc from 'fast-check';
import { faultOf, PASSWORD_LENGTH_MIN } from './password-policy.js';

const EMAIL = 'long.address@example.com';

describe('a new password', () => {
  it.each([
    'correct horse battery',
    'twelve letters and more',
    '8391 2048 5527 1930',
    'Xy7#kQ9!zT2$',
    '91#7$55!@x00987',
    'пароль из нескольких слов',
    'tollgates are open at night',
  ])('is taken: %s', (password) => {
    expect(faultOf(password, EMAIL)).toBeNull();
  });

  it.each([
    'passwordpassword',
    'Password2026!!!!',
    '  baseball99999  ',
    'qwertyuiopqwertyuiop',
    '1234567890'.repeat(2),
    'aaaaaaaaaaaaaaaa',
    '................',
    '12-Tollgate-2026',
    'TollgateTollgate',
    '!!textassistant1',
  ])('is refused as one that everybody tries first: %s', (password) => {
    expect(faultOf(password, EMAIL)).toBe('passwordCommon');
  });

  it.each(['Long.Address@example.com', 'long.address123', 'long.addresslong.address'])(
    'is refused as the address: %s',
    (password) => {
      expect(faultOf(password, EMAIL)).toBe('passwordIsAddress');
    },
  );

  it('of random letters and digits is taken', () => {
    const letters = fc.constantFrom(...'bcdfghjklmnpqrstvwxz0123456789#!'.split(''));
    const random = fc.array(letters, { minLength: PASSWORD_LENGTH_MIN + 4, maxLength: 40 });
    fc.assert(
      fc.property(random, (parts) => {
        fc.pre(new Set(parts).size > 6);
        return faultOf(parts.join(''), EMAIL) === null;
      }),
    );
  });

  it('is judged in a moment, however long it is', () => {
    for (const hostile of ['1'.repeat(512), 'a'.repeat(511) + '1', '1a'.repeat(256), ' '.repeat(511) + 'a']) {
      expect(() => faultOf(hostile, EMAIL)).not.toThrow();
    }
  });
});
