/**
 * The credits that a change of allowance is worth for the rest of a period: the difference times the share of the period that is left, in
 * whole milliseconds, rounded down. Negative for a smaller allowance, and then rounded away from zero: a change there and back never
 * leaves more than before.
 */
export function prorationUcr(
  allowances: { fromUcr: bigint; toUcr: bigint },
  period: { start: Date; end: Date },
  now: Date,
): bigint {
  const length = BigInt(period.end.getTime() - period.start.getTime());
  const left = BigInt(Math.min(Math.max(period.end.getTime() - now.getTime(), 0), Number(length)));
  return floorDiv((allowances.toUcr - allowances.fromUcr) * left, length);
}

/**
 * What a change at once does: what it gives (or, negative, takes back) of its worth, and what stays owed of the period. What was used cannot be
 * taken back; it stays owed, and a later change upwards in the same period gives that much less. Otherwise who has used everything would change
 * down and up again, and have it once more.
 */
export function effectOf(
  worthUcr: bigint,
  { freeUcr, owedUcr }: { freeUcr: bigint; owedUcr: bigint },
): { creditsUcr: bigint; owedUcr: bigint } {
  if (worthUcr < 0n) {
    const creditsUcr = -worthUcr > freeUcr ? -freeUcr : worthUcr;
    return { creditsUcr, owedUcr: owedUcr + creditsUcr - worthUcr };
  }
  const withheldUcr = worthUcr < owedUcr ? worthUcr : owedUcr;
  return { creditsUcr: worthUcr - withheldUcr, owedUcr: owedUcr - withheldUcr };
}

function floorDiv(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}
