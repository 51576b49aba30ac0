import { formatFixed } from './micro-credits.js';

export interface Money {
  amount: string;
  currency: 'USD';
}

const MONEY_PATTERN = /^(\d{1,9})(?:\.(\d{1,9}))?$/;
const FRACTION_DIGITS = 9;
const NUSD_PER_USD = 1_000_000_000n;

/** A decimal string of USD as nano-USD. @throws RangeError when the text is none with at most nine digits on either side of the point */
export function parseMoney(text: string): bigint {
  const [, whole, fraction = ''] = MONEY_PATTERN.exec(text) ?? [];
  if (whole === undefined) throw new RangeError('must be an amount in USD with at most 9 decimals, e.g. 12.50');
  return BigInt(whole) * NUSD_PER_USD + BigInt(fraction.padEnd(FRACTION_DIGITS, '0'));
}

/** Nano-USD as `{ amount: "0.012300000", currency: "USD" }`. */
export function formatMoney(costNusd: bigint): Money {
  return { amount: formatFixed(costNusd, FRACTION_DIGITS), currency: 'USD' };
}

/** The smallest integer that is not below `numerator / denominator`, for a positive denominator. The one rounding of any amount. */
export function ceilDiv(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  return numerator % denominator > 0n ? quotient + 1n : quotient;
}
