import { formatCredits } from '../../common/domain/micro-credits.js';

/** Credits that will be lost. */
export interface Ending {
  source: 'subscription' | 'rollover' | 'purchase' | 'promo' | 'adjustment' | 'proration';
  amountUcr: bigint;
  expiresAt: Date;
}

interface Words {
  names: Readonly<Record<Ending['source'], string>>;
  line(credits: string, name: string, at: string): string;
  subject(credits: string, at: string): string;
  advice: string;
  /** Between the day and the time. */
  at: string;
}

const WORDS: Readonly<Record<'en' | 'de', Words>> = {
  en: {
    names: {
      subscription: 'from your plan',
      proration: 'from your plan',
      rollover: 'carried over from the period before',
      purchase: 'that you bought',
      promo: 'that were given to you',
      adjustment: 'that were given to you',
    },
    line: (credits, name, at) => `${credits} credits ${name} end on ${at}.`,
    subject: (credits, at) => `${credits} of your credits end on ${at}`,
    advice: 'Use them before then: what is not used is lost. All your other credits stay as they are.',
    at: 'at',
  },
  de: {
    names: {
      subscription: 'aus Ihrem Tarif',
      proration: 'aus Ihrem Tarif',
      rollover: 'aus dem Zeitraum davor',
      purchase: 'aus einem Kauf',
      promo: 'aus einer Gutschrift',
      adjustment: 'aus einer Gutschrift',
    },
    line: (credits, name, at) => `${credits} Credits ${name} verfallen am ${at}.`,
    subject: (credits, at) => `${credits} Ihrer Credits verfallen am ${at}`,
    advice: 'Nutzen Sie sie vorher: Was übrig ist, geht verloren. Alle anderen Credits bleiben, wie sie sind.',
    at: 'um',
  },
};

/** The mail that says how much ends, when, and what to do; the soonest first. */
export function noticeOf(ending: readonly Ending[], language: 'en' | 'de'): { subject: string; text: string } {
  const words = WORDS[language];
  const sorted = [...ending].sort((one, other) => one.expiresAt.getTime() - other.expiresAt.getTime());
  const [first] = sorted;
  if (!first) throw new Error('there is nothing to tell');
  const instant = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ` ${words.at} `)} UTC`;
  const total = plain(sorted.reduce((sum, { amountUcr }) => sum + amountUcr, 0n));
  const lines = sorted.map(({ source, amountUcr, expiresAt }) =>
    words.line(plain(amountUcr), words.names[source], instant(expiresAt)),
  );
  return {
    subject: words.subject(total, instant(first.expiresAt)),
    text: `${lines.join(' ')} ${words.advice}`,
  };
}

/** Without the digits that say nothing. */
function plain(amountUcr: bigint): string {
  return formatCredits(amountUcr).replace(/\.?0+$/, '');
}
