import type { Language } from '../../auth/texts/languages.js';
import type { BudgetAlertNotice } from './budget-alert.js';

interface Words {
  whose(scope: BudgetAlertNotice['scope'], key: string | null): string;
  period: Readonly<Record<BudgetAlertNotice['period'], string>>;
  unit: Readonly<Record<BudgetAlertNotice['unit'], string>>;
  subject(whose: string, threshold: number): string;
  reached(of: { whose: string; since: string; threshold: number; limit: string; spent: string }): string;
  stopped(until: string): string;
  shownBy(route: string): string;
}

const WORDS: Readonly<Record<Language, Words>> = {
  en: {
    whose: (scope, key) => (key === null ? 'the whole installation' : `${scope} ${key}`),
    period: { day: 'day', month: 'month' },
    unit: { USD: 'USD', credits: 'credits' },
    subject: (whose, threshold) => `Budget of ${whose}: ${threshold} % used`,
    reached: ({ whose, since, threshold, limit, spent }) =>
      `The budget of ${whose} for the ${since} has reached ${threshold} % of ${limit}: ${spent} are spent.`,
    stopped: (until) => `Its requests are refused until ${until}, or until the budget is raised.`,
    shownBy: (route) => `${route} shows it.`,
  },
  de: {
    whose: (scope, key) => `${GERMAN_SCOPES[scope]}${key === null ? '' : ` ${key}`}`,
    period: { day: 'Tag', month: 'Monat' },
    unit: { USD: 'USD', credits: 'Credits' },
    subject: (whose, threshold) => `Budget ${whose}: ${threshold} % verbraucht`,
    reached: ({ whose, since, threshold, limit, spent }) =>
      `Das Budget ${whose} für den ${since} hat ${threshold} % von ${limit} erreicht: ${spent} sind ausgegeben.`,
    stopped: (until) => `Anfragen, für die es gilt, werden bis ${until} abgelehnt oder bis das Budget erhöht ist.`,
    shownBy: (route) => `${route} zeigt es.`,
  },
};

const GERMAN_SCOPES: Readonly<Record<BudgetAlertNotice['scope'], string>> = {
  global: 'der ganzen Installation',
  tier: 'des Tarifs',
  user: 'des Kontos',
  model: 'des Modells',
};
const SINCE: Readonly<Record<Language, string>> = { en: 'from', de: 'ab' };

/** An alert as a mail to an operator. */
export function mailOfAlert(notice: BudgetAlertNotice, language: Language): { subject: string; text: string } {
  const { scope, scopeKey, period, periodStart, periodEnd, threshold, unit, limit, spent, isHardStop } = notice;
  const words = WORDS[language];
  const whose = words.whose(scope, scopeKey);
  const since = `${words.period[period]} ${SINCE[language]} ${periodStart}`;
  const sentences = [
    words.reached({ whose, since, threshold, limit: `${limit} ${words.unit[unit]}`, spent }),
    ...(threshold >= 100 && isHardStop ? [words.stopped(periodEnd)] : []),
    words.shownBy(`GET /admin/budgets/${notice.budgetId}`),
  ];
  return { subject: words.subject(whose, threshold), text: sentences.join(' ') };
}
