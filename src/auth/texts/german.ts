import type { Texts } from './english.js';
import { wait } from './wait.js';

const units = { second: ['Sekunde', 'Sekunden'], minute: ['Minute', 'Minuten'], hour: ['Stunde', 'Stunden'] } as const;

export const german: Texts = {
  language: 'de',
  mail: {
    greeting: 'Guten Tag,',
    footer: (host) => `Sie erhalten diese E-Mail, weil Sie ein Konto bei ${host} haben.`,
    verifyEmail: {
      subject: 'Bestätigen Sie Ihre Adresse',
      text: (validMs) =>
        `Öffnen Sie diese Seite und bestätigen Sie dort Ihre Adresse. Der Link gilt ${wait(validMs, units)}.`,
      action: 'Adresse bestätigen',
    },
    alreadyRegistered: {
      subject: 'Sie haben schon ein Konto',
      text: 'Jemand, vermutlich Sie, wollte sich mit dieser Adresse registrieren. Melden Sie sich stattdessen mit Ihrem Passwort an. Waren Sie es nicht, ist nichts zu tun.',
    },
  },
};
