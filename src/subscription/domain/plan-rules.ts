import { rolloverCapUcr } from '../../credits/domain/rollover-preview.js';

export interface RolloverTerms {
  monthlyCreditsUcr: bigint;
  rolloverPercent: number;
  rolloverMaxUcr: bigint;
  rolloverMinCarryUcr: bigint;
}

/** Why these terms can never do what they say, per field; empty when they can. */
export function rolloverFaults(terms: RolloverTerms): { field: string; message: string }[] {
  const { rolloverPercent, rolloverMaxUcr, rolloverMinCarryUcr, monthlyCreditsUcr } = terms;
  if (rolloverPercent === 0) {
    if (rolloverMaxUcr === 0n) return [];
    return [{ field: 'rolloverMax', message: 'must be 0 while rolloverPercent is 0: nothing would be carried' }];
  }
  if (rolloverMaxUcr === 0n) {
    return [
      { field: 'rolloverMax', message: 'must be more than 0 while rolloverPercent is: nothing would be carried' },
    ];
  }
  const cap = rolloverCapUcr({ percent: rolloverPercent, maxUcr: rolloverMaxUcr }, monthlyCreditsUcr);
  if (rolloverMinCarryUcr > cap) {
    const message = 'must be at most what can be carried (rolloverPercent of monthlyCredits, at most rolloverMax)';
    return [{ field: 'rolloverMinCarry', message }];
  }
  return [];
}
