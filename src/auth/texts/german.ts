import type { Texts } from './english.js';
import { wait } from './wait.js';

const units = { second: ['Sekunde', 'Sekunden'], minute: ['Minute', 'Minuten'], hour: ['Stunde', 'Stunden'] } as const;

export const german: Texts = {
  language: 'de',
  common: {
    email: 'E-Mail-Adresse',
    password: 'Passwort',
    newPassword: 'Neues Passwort',
    passwordHint: (min) => `Mindestens ${min} Zeichen. Einige Wörter merken Sie sich leichter als Sonderzeichen.`,
    cancel: 'Abbrechen',
    confirm: 'Bestätigen',
    optional: '(freiwillig)',
    check: 'Bitte prüfen:',
    failed: 'Etwas ist schiefgegangen. Versuchen Sie es noch einmal.',
    noAnswer: 'Der Server hat nicht geantwortet. Versuchen Sie es noch einmal.',
    closePage: 'Sie können diese Seite schließen und zur App zurückkehren.',
  },
  signIn: {
    title: 'Anmelden',
    lead: (app) => `um mit ${app} fortzufahren`,
    registered:
      'War die Adresse neu, ist Ihr Konto bereit und ein Link zum Bestätigen unterwegs. Melden Sie sich an, um fortzufahren.',
    newHere: 'Neu hier?',
    createAccount: 'Konto anlegen',
    forgot: 'Passwort vergessen?',
  },
  register: {
    title: 'Konto anlegen',
    name: 'Name',
    submit: 'Konto anlegen',
    haveOne: 'Haben Sie schon eines?',
  },
  consent: {
    title: (app) => `Weiter zu ${app}`,
    heading: (app) => `Weiter zu ${app}?`,
    lead: 'Fahren Sie nur fort, wenn Sie die Anmeldung eben selbst begonnen haben.',
    account: 'Konto',
    device: 'Gerät',
    scopes: 'Die App wird dürfen',
    later: 'sobald Sie Ihre Adresse bestätigt haben',
    submit: (email) => `Als ${email} fortfahren`,
    lifetime: (days) => `Die App bleibt bis zu ${days} Tage angemeldet. Sind Sie das nicht?`,
    switch: 'Anderes Konto verwenden',
  },
  scopes: {
    email: 'Ihre E-Mail-Adresse sehen',
    profile: 'Ihren Namen sehen',
    'llm.inference': 'Sprachmodelle befragen und Ihr Guthaben ausgeben',
    'models.read': 'Sehen, welche Modelle Sie nutzen können',
    'user.info': 'Ihr Konto sehen und ändern',
    'credits.read': 'Ihr Guthaben sehen und wofür es verwendet wurde',
    'usage.read': 'Ihre Nutzung sehen',
    admin: 'Diesen Dienst betreiben, sofern Sie das dürfen',
  },
  factor: {
    title: 'Noch ein Schritt',
    enrolTitle: 'Zweiten Faktor einrichten',
    code: 'Code',
    recoveryHint: 'Aus Ihrer Authenticator-App oder einer Ihrer Wiederherstellungscodes.',
    passkey: 'Passkey verwenden',
    enrolLead: 'Scannen Sie dies mit einer Authenticator-App und geben Sie den Code ein, den sie zeigt.',
    picture: 'Ein Bild mit dem Geheimnis für Ihre Authenticator-App',
    secret: 'Oder tippen Sie es ein:',
  },
  account: {
    title: 'Ihr Konto',
    change: 'Ändern',
    show: 'Zeigen',
    add: 'Einrichten',
    remove: 'Entfernen',
    on: 'An',
    off: 'Aus',
    back: 'Zurück zu Ihrem Konto',
    devices: 'Angemeldete Geräte',
    devicesLead: 'Wo Sie angemeldet sind.',
    thisDevice: 'dieses',
    lastUsed: 'zuletzt benutzt',
    signInAgainBy: 'neue Anmeldung bis',
    endOthers: 'Überall sonst abmelden',
    changePassword: 'Passwort ändern',
    currentPassword: 'Jetziges Passwort',
    changeEmail: 'Adresse ändern',
    changeEmailLead: (email) =>
      `Ihre Adresse ist ${email}. Wir senden einen Link an die neue; bis Sie ihn öffnen, bleibt die alte.`,
    emailSent: 'Sehen Sie in Ihre E-Mails',
    emailSentLead: 'Ein Link ist unterwegs an die neue Adresse. Er gilt eine Stunde.',
    emailChanged: 'Ihre Adresse ist geändert',
    factors: 'Zweite Faktoren',
    factorsLead: 'Werden bei der Anmeldung verlangt.',
    noFactors: 'Mit einem öffnet Ihr Passwort allein nichts.',
    app: 'Authenticator-App',
    passkey: 'Passkey',
    addPasskey: 'Passkey hinzufügen',
    recoveryCodes: 'Wiederherstellungscodes',
    codesLeft: (count) => (count === 0 ? 'Keine übrig' : `${count} übrig`),
    newCodes: 'Neue machen',
    codesLead:
      'Jeder gilt einmal anstelle Ihres zweiten Faktors. Verwahren Sie sie bei Ihren Papieren; sie werden nicht wieder gezeigt, und ältere gelten nicht mehr.',
  },
  verify: {
    title: 'Adresse bestätigen',
    done: 'Adresse bestätigt',
    doneHeading: 'Ihre Adresse ist bestätigt',
  },
  forgot: {
    title: 'Passwort vergessen?',
    lead: 'Wir senden Ihnen einen Link, um ein neues zu wählen.',
    submit: 'Link senden',
    done: 'Sehen Sie in Ihre E-Mails',
    doneLead: (validMs) =>
      `Gibt es ein Konto mit dieser Adresse, ist ein Link dorthin unterwegs. Er gilt ${wait(validMs, units)}.`,
  },
  reset: {
    title: 'Neues Passwort wählen',
    lead: (email) => `für ${email}`,
    warning: 'Sie werden auf allen Geräten abgemeldet. Ein zweiter Faktor bleibt, wie er ist.',
    submit: 'Passwort ändern',
    done: 'Ihr Passwort ist geändert',
    doneLead: 'Sie sind überall abgemeldet. Kehren Sie zur App zurück und melden Sie sich mit dem neuen Passwort an.',
  },
  provider: {
    failed: 'Anmeldung gescheitert',
    failedHeading: 'Diese Anmeldung kann nicht weitergehen',
    failedDetail: 'Die Anfrage war nicht zu verstehen.',
    failedHint:
      'Kehren Sie zur App zurück und beginnen Sie von vorn. Geschieht es wieder, nennen Sie den Herstellern der App diesen Code:',
    signOut: 'Abmelden',
    signOutHeading: 'In diesem Browser abmelden?',
    signOutLead: 'Apps auf Ihren Geräten bleiben angemeldet, bis Sie sich dort abmelden.',
    stay: 'Angemeldet bleiben',
    signedOut: 'Abgemeldet',
    signedOutHeading: 'Sie sind abgemeldet',
    signedOutLead: 'Sie können diese Seite schließen.',
  },
  device: {
    title: 'Gerät verbinden',
    lead: 'Geben Sie den Code ein, den Ihr Gerät zeigt.',
    code: 'Code',
    next: 'Weiter',
    confirmTitle: 'Ist das Ihr Gerät?',
    confirmLead: 'Fahren Sie nur fort, wenn Ihr eigenes Gerät diesen Code zeigt. Niemand wird Sie je danach fragen.',
    app: 'App',
    device: 'Gerät',
    address: 'Adresse',
    yes: 'Ja, weiter',
    no: 'Nein, abbrechen',
    connected: 'Gerät verbunden',
    connectedHeading: 'Ihr Gerät ist verbunden',
    connectedLead: 'Sie können diese Seite schließen und zum Gerät zurückkehren.',
    faults: {
      NoCodeError: 'Geben Sie zuerst den Code ein.',
      NotFoundError: 'Diesen Code gibt es nicht. Sehen Sie noch einmal nach.',
      ExpiredError: 'Dieser Code ist abgelaufen. Beginnen Sie am Gerät von vorn.',
      AlreadyUsedError: 'Dieser Code wurde schon benutzt. Beginnen Sie am Gerät von vorn.',
      AbortedError: 'Das Gerät wurde nicht verbunden.',
      other: 'Das hat nicht geklappt. Beginnen Sie am Gerät von vorn.',
    },
  },
  faults: {
    emailMissing: 'Geben Sie Ihre E-Mail-Adresse ein.',
    emailFormat: 'Geben Sie eine E-Mail-Adresse wie name@example.com ein.',
    emailLong: 'Eine Adresse hat höchstens 254 Zeichen.',
    passwordMissing: 'Geben Sie Ihr Passwort ein.',
    passwordChoose: 'Wählen Sie ein Passwort.',
    passwordShort: 'Wählen Sie ein Passwort mit mindestens 12 Zeichen.',
    passwordLong: 'Ein Passwort hat höchstens 512 Zeichen.',
    passwordIsAddress: 'Wählen Sie ein Passwort, das nicht Ihre Adresse ist.',
    passwordCommon: 'Wählen Sie ein Passwort, das nicht jeder zuerst versucht.',
    nameLong: 'Ein Name hat höchstens 100 Zeichen.',
    nameControl: 'Ein Name kann keine Zeilenumbrüche oder Steuerzeichen haben.',
    codeMissing: 'Geben Sie den Code ein.',
    codeLong: 'Ein Code hat höchstens 30 Zeichen.',
    passkeyMissing: 'Der Browser hat keinen Passkey gesendet.',
    decision: 'Wählen Sie, ob Sie fortfahren oder abbrechen.',
    linkIncomplete: 'Der Link ist unvollständig.',
    linkForeign: 'Der Link ist nicht von uns.',
  },
  errors: {
    invalid_request: { title: 'Die Eingaben sind nicht gültig', detail: () => 'Bitte prüfen Sie Ihre Eingaben.' },
    sign_in_failed: {
      title: 'Die Anmeldung ist gescheitert',
      detail: () => 'Die Adresse oder das Passwort ist nicht richtig.',
    },
    sign_in_throttled: {
      title: 'Zu viele Anmeldungen',
      detail: ({ retryAfterSeconds }) =>
        `Zu viele Versuche. Versuchen Sie es in ${wait(Number(retryAfterSeconds) * 1000, units)} wieder.`,
    },
    too_many_requests: {
      title: 'Zu viele Anfragen',
      detail: ({ retryAfterSeconds }) =>
        `Von Ihrer Adresse kamen zu viele Anfragen. Versuchen Sie es in ${wait(Number(retryAfterSeconds) * 1000, units)} wieder.`,
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
    last_factor: {
      title: 'Das ist Ihr einziger zweiter Faktor',
      detail: () => 'Sie brauchen einen zweiten Faktor zur Anmeldung. Richten Sie erst einen anderen ein.',
    },
    invalid_email_link: {
      title: 'Dieser Link gilt nicht mehr',
      detail: () =>
        'Der Link wurde schon benutzt, ist abgelaufen oder galt einer anderen Adresse. Fordern Sie einen neuen an.',
    },
  },
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
    resetPassword: {
      subject: 'Wählen Sie ein neues Passwort',
      text: (validMs) =>
        `Öffnen Sie diese Seite, um ein neues Passwort zu wählen. Der Link gilt ${wait(validMs, units)}. Haben Sie nicht darum gebeten, ist nichts zu tun: Ihr Passwort bleibt.`,
      action: 'Neues Passwort wählen',
    },
    changeEmail: {
      subject: 'Bestätigen Sie Ihre neue Adresse',
      text: (validMs) =>
        `Öffnen Sie diese Seite und bestätigen Sie dort, dass dies die Adresse Ihres Kontos werden soll. Der Link gilt ${wait(validMs, units)}.`,
      action: 'Neue Adresse bestätigen',
    },
    emailChanging: {
      subject: 'Ihre Adresse wird geändert',
      text: 'Jemand, der in Ihrem Konto angemeldet ist, will dessen Adresse ändern. Waren Sie es nicht, ändern Sie sofort Ihr Passwort und melden Sie sich überall sonst ab.',
    },
    factorsChanged: {
      subject: 'Ihre zweiten Faktoren wurden geändert',
      text: 'Ein zweiter Faktor Ihres Kontos wurde eben hinzugefügt, entfernt oder erneuert. Waren Sie es nicht, ändern Sie sofort Ihr Passwort und melden Sie sich überall sonst ab.',
    },
    accountDeleted: {
      subject: 'Ihr Konto wurde gelöscht',
      text: (graceDays) =>
        `Ihr Konto wurde gelöscht und Sie sind überall abgemeldet. ${graceDays} Tage lang lässt es sich zurückholen: Wenden Sie sich an die Betreiber dieses Dienstes. Danach wird alles über Sie gelöscht.`,
    },
    passwordChanged: {
      subject: 'Ihr Passwort wurde geändert',
      text: 'Das Passwort Ihres Kontos wurde eben geändert. Waren Sie es nicht, wählen Sie sofort ein neues: auf der Seite der Anmeldung unter „Passwort vergessen?“.',
    },
  },
};
