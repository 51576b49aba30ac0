import { GRANT_UCR_MAX } from '../../credits/domain/grant-limit.js';
import { rolloverCapUcr } from '../../credits/domain/rollover-preview.js';

export interface RolloverTerms {
  monthlyCreditsUcr: bigint;
  rolloverPercent: number;
  rolloverMaxUcr: bigint;
  rolloverMinCarryUcr: bigint;
}

/** An allowance is a grant, and as large as one may be. */
export function allowanceFaults({ monthlyCreditsUcr }: Pick<RolloverTerms, 'monthlyCreditsUcr'>): {
  field: string;
  message: string;
}[] {
  if (monthlyCreditsUcr <= GRANT_UCR_MAX) return [];
  return [{ field: 'monthlyCredits', message: 'must be at most 1000000 credits, as every grant' }];
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
