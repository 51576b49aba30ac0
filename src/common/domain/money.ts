import { formatFixed } from './micro-credits.js';

export interface Money {
  amount: string;
  currency: 'USD';
}

/** Nano-USD as `{ amount: "0.012300000", currency: "USD" }`. */
export function formatMoney(costNusd: bigint): Money {
  return { amount: formatFixed(costNusd, 9), currency: 'USD' };
}

/** The smallest integer that is not below `numerator / denominator`, for a positive denominator. The one rounding of any amount. */
export function ceilDiv(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  return numerator % denominator > 0n ? quotient + 1n : quotient;
}
