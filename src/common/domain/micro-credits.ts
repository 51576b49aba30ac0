/** Micro-credits in one credit. Credits are `bigint` micro-credits (µcr) everywhere; only JSON shows decimal strings. */
export const UCR_PER_CREDIT = 1_000_000n;

const FRACTION_DIGITS = 6;
const CREDITS_PATTERN = /^(-?)(\d{1,15})(?:\.(\d{1,6}))?$/;

/** Micro-credits as a decimal string of credits with six digits, e.g. `12_500_000n` is `"12.500000"`. */
export function formatCredits(amountUcr: bigint): string {
  return formatFixed(amountUcr, FRACTION_DIGITS);
}

/**
 * A decimal string of credits as micro-credits.
 * @throws RangeError when the text is no decimal number with at most six digits behind the point.
 */
export function parseCredits(text: string): bigint {
  const match = CREDITS_PATTERN.exec(text);
  if (!match) throw new RangeError('credits must be a decimal number with at most 6 digits after the point');
  const [, sign, whole = '0', fraction = ''] = match;
  const amount = BigInt(whole) * UCR_PER_CREDIT + BigInt(fraction.padEnd(FRACTION_DIGITS, '0'));
  return sign === '-' ? -amount : amount;
}

/** An integer of 10^-digits units as a decimal string. */
export function formatFixed(value: bigint, digits: number): string {
  const magnitude = value < 0n ? -value : value;
  const text = magnitude.toString().padStart(digits + 1, '0');
  return `${value < 0n ? '-' : ''}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** The smaller of two amounts. */
export function smallerUcr(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
