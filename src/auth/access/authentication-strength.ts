/** Authentication context of one factor and of two, in the terms of NIST SP 800-63B. */
export const SINGLE_FACTOR_ACR = 'aal1';
export const STRONG_ACR = 'aal2';

/** Methods (RFC 8176) that count as a second factor; `cli` needs access to the database itself. */
const STRONG_METHODS = new Set(['cli', 'otp', 'hwk', 'swk', 'mfa']);

export function isStrong(amr: readonly string[]): boolean {
  return amr.some((method) => STRONG_METHODS.has(method));
}
