import { isCommonPassword } from './common-passwords.js';

/** Long enough that guessing is hopeless without any rule of composition (ASVS 5.0 6.2.1). */
export const PASSWORD_LENGTH_MIN = 12;
/** Hashing is linear in the length; nobody types more. */
export const PASSWORD_LENGTH_MAX = 512;
/** Words that a guesser of this very service tries first (ASVS 5.0 6.2.11). */
const PRODUCT_WORDS = new Set(['tollgate', 'textassistant', 'text assistant', 'assistant', 'password tollgate']);
/** A core of fewer letters is there by chance: `9#x7…` is not a decorated `x`. */
const CORE_LENGTH_MIN = 4;

export type PasswordFault = 'passwordIsAddress' | 'passwordCommon';

/**
 * What makes a long enough password of the account with this address easy to guess, if anything. There are no rules of composition; but a common password,
 * the name of the product or the address does not become a good password by being repeated, or by digits and signs around it.
 */
export function faultOf(password: string, email: string): PasswordFault | null {
  const address = email.toLowerCase();
  const [mailbox = ''] = address.split('@');
  for (const core of coresOf(password.toLowerCase())) {
    if (core === address || core === mailbox) return 'passwordIsAddress';
    if (PRODUCT_WORDS.has(core) || isCommonPassword(core)) return 'passwordCommon';
  }
  return new Set(password).size === 1 ? 'passwordCommon' : null;
}

/** The text, and what is left of it without repetition and without what stands around its letters. */
function coresOf(text: string): string[] {
  const bare = text.replace(/^[^\p{L}]+/u, '').replace(/[^\p{L}]+$/u, '');
  const once = unrepeated(text);
  return [text, once, bare, unrepeated(bare)].filter(
    (core) => core === text || core === once || core.length >= CORE_LENGTH_MIN,
  );
}

/** The shortest part that the text repeats: `abcabc` is `abc`. */
function unrepeated(text: string): string {
  return text.slice(0, (text + text).indexOf(text, 1));
}
