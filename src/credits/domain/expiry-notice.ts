import { formatCredits } from '../../common/domain/micro-credits.js';

/** Credits that will be lost. */
export interface Ending {
  source: 'subscription' | 'rollover' | 'purchase' | 'promo' | 'adjustment' | 'proration';
  amountUcr: bigint;
  expiresAt: Date;
}

const NAMES: Readonly<Record<Ending['source'], string>> = {
  subscription: 'from your plan',
  proration: 'from your plan',
  rollover: 'carried over from the period before',
  purchase: 'that you bought',
  promo: 'that were given to you',
  adjustment: 'that were given to you',
};

/** The mail that says how much ends, when, and what to do; the soonest first. */
export function noticeOf(ending: readonly Ending[]): { subject: string; text: string } {
  const sorted = [...ending].sort((one, other) => one.expiresAt.getTime() - other.expiresAt.getTime());
  const [first] = sorted;
  if (!first) throw new Error('there is nothing to tell');
  const total = plain(sorted.reduce((sum, { amountUcr }) => sum + amountUcr, 0n));
  const lines = sorted.map(
    ({ source, amountUcr, expiresAt }) => `${plain(amountUcr)} credits ${NAMES[source]} end on ${instant(expiresAt)}.`,
  );
  return {
    subject: `${total} of your credits end on ${instant(first.expiresAt)}`,
    text: `${lines.join(' ')} Use them before then: what is not used is lost. All your other credits stay as they are.`,
  };
}

/** Without the digits that say nothing. */
function plain(amountUcr: bigint): string {
  return formatCredits(amountUcr).replace(/\.?0+$/, '');
}

function instant(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' at ')} UTC`;
}
