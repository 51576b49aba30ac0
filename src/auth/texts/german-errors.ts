import type { Texts } from './english.js';
import { germanUnits, wait } from './wait.js';

/** What expected failures say on the pages, by their code. */
export const germanErrors: Texts['errors'] = {
  invalid_request: { title: 'Die Eingaben sind nicht gültig', detail: () => 'Bitte prüfen Sie Ihre Eingaben.' },
  sign_in_failed: {
    title: 'Die Anmeldung ist gescheitert',
    detail: () => 'Die Adresse oder das Passwort ist nicht richtig.',
  },
  sign_in_throttled: {
    title: 'Zu viele Anmeldungen',
    detail: ({ retryAfterSeconds }) =>
      `Zu viele Versuche. Versuchen Sie es in ${wait(Number(retryAfterSeconds) * 1000, germanUnits)} wieder.`,
  },
  too_many_requests: {
    title: 'Zu viele Anfragen',
    detail: ({ retryAfterSeconds }) =>
      `Von Ihrer Adresse kamen zu viele Anfragen. Versuchen Sie es in ${wait(Number(retryAfterSeconds) * 1000, germanUnits)} wieder.`,
  },
  sign_in_busy: {
    title: 'Zu viele Anmeldungen zugleich',
    detail: () => 'Gerade melden sich viele an. Versuchen Sie es in einigen Sekunden wieder.',
  },
  sign_in_expired: {
    title: 'Diese Anmeldung ist abgelaufen',
    detail: () =>
      'Diese Anmeldung ist abgelaufen oder gehört zu einem anderen Browser. Kehren Sie zur App zurück und beginnen Sie von vorn.',
  },
  cross_site_request: {
    title: 'Die Anfrage kam von einer anderen Seite',
    detail: () => 'Dieses Formular kann nur von seiner eigenen Seite gesendet werden.',
  },
  wrong_code: {
    title: 'Der Code ist nicht richtig',
    detail: () =>
      'Der Code ist nicht richtig oder wurde schon benutzt. Warten Sie auf den nächsten und versuchen Sie es wieder.',
  },
  passkey_refused: { title: 'Der Passkey wurde abgelehnt', detail: () => 'Der Passkey wurde abgelehnt.' },
  device_not_found: {
    title: 'Kein solches Gerät',
    detail: () => 'Dort ist niemand mehr angemeldet.',
  },
  account_suspended: {
    title: 'Das Konto ist gesperrt',
    detail: () => 'Dieses Konto ist gesperrt. Wenden Sie sich an die Betreiber dieses Dienstes.',
  },
  upstream_not_found: {
    title: 'Diese Anmeldung gibt es nicht',
    detail: () => 'Hier kann man sich dort nicht anmelden. Gehen Sie zurück und wählen Sie einen anderen Weg.',
  },
  upstream_unavailable: {
    title: 'Die andere Anmeldung antwortet nicht',
    detail: ({ provider }) =>
      `${String(provider)} antwortet nicht. Versuchen Sie es in einigen Minuten wieder oder melden Sie sich anders an.`,
  },
  upstream_sign_in_failed: {
    title: 'Die andere Anmeldung hat nicht geklappt',
    detail: ({ provider }) =>
      `Die Anmeldung bei ${String(provider)} wurde abgebrochen, ist abgelaufen oder wurde abgelehnt. Versuchen Sie es noch einmal oder melden Sie sich anders an.`,
  },
  upstream_address_unverified: {
    title: 'Ihre Adresse ist nicht bestätigt',
    detail: ({ provider }) =>
      `${String(provider)} sagt nicht, dass Ihre E-Mail-Adresse bestätigt ist. Legen Sie hier ein Konto mit Passwort an, bestätigen Sie die Adresse und verbinden Sie ${String(provider)} in Ihrem Konto.`,
  },
  upstream_address_taken: {
    title: 'Sie haben hier schon ein Konto',
    detail: ({ provider }) =>
      `Mit dieser Adresse gibt es hier schon ein Konto. Melden Sie sich wie bisher an, oder mit „Passwort vergessen?“, und verbinden Sie ${String(provider)} in Ihrem Konto.`,
  },
  identity_taken: {
    title: 'Dieses Konto ist schon verbunden',
    detail: ({ provider }) =>
      `Dieses Konto bei ${String(provider)} öffnet hier schon ein anderes Konto. Melden Sie sich damit an und trennen Sie es dort zuerst.`,
  },
  address_not_confirmed: {
    title: 'Ihre Adresse ist noch nicht bestätigt',
    detail: () =>
      'Bestätigen Sie zuerst Ihre Adresse: Der Link ist in der E-Mail zur Registrierung, und „Passwort vergessen?“ sendet einen neuen.',
  },
  last_way_in: {
    title: 'Das ist Ihr einziger Weg in das Konto',
    detail: () => 'Ohne dieses kämen Sie nicht mehr in Ihr Konto. Wählen Sie zuerst ein Passwort.',
  },
  last_factor: {
    title: 'Das ist Ihr einziger zweiter Faktor',
    detail: () => 'Sie brauchen einen zweiten Faktor zur Anmeldung. Richten Sie erst einen anderen ein.',
  },
  invalid_email_link: {
    title: 'Dieser Link gilt nicht mehr',
    detail: () =>
      'Der Link wurde schon benutzt, ist abgelaufen oder galt einer anderen Adresse. Fordern Sie einen neuen an.',
  },
};
