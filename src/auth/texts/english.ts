import { wait } from './wait.js';

const units = { second: ['second', 'seconds'], minute: ['minute', 'minutes'], hour: ['hour', 'hours'] } as const;

/** Every sentence that people read on the pages and in the mails of the sign-in. Other languages have the same shape. */
export const english = {
  language: 'en',
  common: {
    email: 'E-mail address',
    password: 'Password',
    newPassword: 'New password',
    passwordHint: (min: number) => `At least ${min} characters. A few words are easier to remember than symbols.`,
    cancel: 'Cancel',
    confirm: 'Confirm',
    optional: '(optional)',
    check: 'Please check:',
    failed: 'Something went wrong. Try again.',
    noAnswer: 'The server did not answer. Try again.',
    closePage: 'You can close this page and go back to the app.',
  },
  signIn: {
    title: 'Sign in',
    lead: (app: string) => `to continue to ${app}`,
    registered:
      'If the address was new, your account is ready and we have sent you a link to confirm it. Sign in to go on.',
    newHere: 'New here?',
    createAccount: 'Create an account',
    forgot: 'Forgot your password?',
  },
  register: {
    title: 'Create an account',
    name: 'Name',
    submit: 'Create account',
    haveOne: 'Already have one?',
  },
  consent: {
    title: (app: string) => `Continue to ${app}`,
    heading: (app: string) => `Continue to ${app}?`,
    lead: 'Only go on if you have just started the sign-in yourself.',
    account: 'Account',
    device: 'Device',
    scopes: 'The app will be able to',
    later: 'after you confirm your address',
    submit: (email: string) => `Continue as ${email}`,
    lifetime: (days: number) => `The app stays signed in for up to ${days} days. Not you?`,
    switch: 'Use another account',
  },
  scopes: {
    email: 'See your e-mail address',
    profile: 'See your name',
    'llm.inference': 'Ask language models and spend your credits',
    'models.read': 'See which models you can use',
    'user.info': 'See and change your account',
    'credits.read': 'See your credits and what they were used for',
    'usage.read': 'See your usage',
    admin: 'Operate this service, if you are an operator',
  } as Record<string, string>,
  factor: {
    title: 'One more step',
    enrolTitle: 'Set up a second factor',
    code: 'Code',
    recoveryHint: 'From your authenticator app, or one of your recovery codes.',
    passkey: 'Use a passkey',
    enrolLead: 'Scan this with an authenticator app, then enter the code that it shows.',
    picture: 'A picture with the secret for your authenticator app',
    secret: 'Or type it in:',
  },
  account: {
    title: 'Your account',
    change: 'Change',
    show: 'Show',
    add: 'Set up',
    remove: 'Remove',
    on: 'On',
    off: 'Off',
    back: 'Back to your account',
    devices: 'Signed-in devices',
    devicesLead: 'Where you are signed in.',
    thisDevice: 'this one',
    lastUsed: 'last used',
    signInAgainBy: 'sign in again by',
    endOthers: 'Sign out everywhere else',
    changePassword: 'Change the password',
    currentPassword: 'Current password',
    changeEmail: 'Change the address',
    changeEmailLead: (email: string) =>
      `Your address is ${email}. We send a link to the new one; until you open it the old one stays.`,
    emailSent: 'Look at your mail',
    emailSentLead: 'A link is on its way to the new address. It works for an hour.',
    emailChanged: 'Your address is changed',
    factors: 'Second factors',
    factorsLead: 'Asked for when you sign in.',
    noFactors: 'With one, your password alone opens nothing.',
    app: 'Authenticator app',
    passkey: 'Passkey',
    addPasskey: 'Add a passkey',
    recoveryCodes: 'Recovery codes',
    codesLeft: (count: number) => (count === 0 ? 'None left' : `${count} left`),
    newCodes: 'Make new ones',
    codesLead:
      'Each works once in place of your second factor. Keep them where you keep papers; they are not shown again, and older ones have ended.',
  },
  verify: {
    title: 'Confirm your address',
    done: 'Address confirmed',
    doneHeading: 'Your address is confirmed',
  },
  forgot: {
    title: 'Forgot your password?',
    lead: 'We send you a link to choose a new one.',
    submit: 'Send the link',
    done: 'Look at your mail',
    doneLead: (validMs: number) =>
      `If there is an account with this address, a link is on its way to it. It works for ${wait(validMs, units)}.`,
  },
  reset: {
    title: 'Choose a new password',
    lead: (email: string) => `for ${email}`,
    warning: 'You will be signed out on all devices. A second factor stays as it is.',
    submit: 'Change the password',
    done: 'Your password is changed',
    doneLead: 'You are signed out everywhere. Go back to the app and sign in with the new password.',
  },
  provider: {
    failed: 'Sign-in failed',
    failedHeading: 'This sign-in cannot go on',
    failedDetail: 'The request could not be understood.',
    failedHint: 'Go back to the app and start again. If it happens again, tell the people who make the app this code:',
    signOut: 'Sign out',
    signOutHeading: 'Sign out of this browser?',
    signOutLead: 'Apps on your devices stay signed in until you sign out there.',
    stay: 'Stay signed in',
    signedOut: 'Signed out',
    signedOutHeading: 'You are signed out',
    signedOutLead: 'You can close this page.',
  },
  /** What is wrong with a field, by the name that the form's rule gives it. */
  faults: {
    emailMissing: 'Enter your e-mail address.',
    emailFormat: 'Enter an e-mail address such as name@example.com.',
    emailLong: 'An address has at most 254 characters.',
    passwordMissing: 'Enter your password.',
    passwordChoose: 'Choose a password.',
    passwordShort: 'Choose a password of at least 12 characters.',
    passwordLong: 'A password has at most 512 characters.',
    passwordIsAddress: 'Choose a password that is not your address.',
    passwordCommon: 'Choose a password that is not among those that everybody tries first.',
    nameLong: 'A name has at most 100 characters.',
    nameControl: 'A name cannot have line breaks or control characters.',
    codeMissing: 'Enter the code.',
    codeLong: 'A code has at most 30 characters.',
    passkeyMissing: 'The browser sent no passkey.',
    decision: 'Choose to continue or to cancel.',
    linkIncomplete: 'The link is incomplete.',
    linkForeign: 'The link is not ours.',
  },
  /** Other words for errors of the API, by their code; `title` and `detail` as they are where there are none. */
  errors: {} as Partial<Record<string, { title: string; detail: (details: Record<string, unknown>) => string }>>,
  mail: {
    greeting: 'Hello,',
    footer: (host: string) => `You get this mail because of your account at ${host}.`,
    verifyEmail: {
      subject: 'Confirm your address',
      text: (validMs: number) =>
        `Open this page and press its button to confirm your address. The link works for ${wait(validMs, units)}.`,
      action: 'Confirm your address',
    },
    alreadyRegistered: {
      subject: 'You already have an account',
      text: 'Somebody, probably you, tried to register with this address. Sign in with your password instead. If it was not you, there is nothing to do.',
    },
    resetPassword: {
      subject: 'Choose a new password',
      text: (validMs: number) =>
        `Open this page to choose a new password. The link works for ${wait(validMs, units)}. If you did not ask for it, there is nothing to do: your password stays.`,
      action: 'Choose a new password',
    },
    changeEmail: {
      subject: 'Confirm your new address',
      text: (validMs: number) =>
        `Open this page and press its button to make this the address of your account. The link works for ${wait(validMs, units)}.`,
      action: 'Confirm the new address',
    },
    emailChanging: {
      subject: 'Your address is being changed',
      text: 'Somebody who is signed in to your account asked to change its address. If it was not you, change your password at once and sign out everywhere else.',
    },
    factorsChanged: {
      subject: 'Your second factors were changed',
      text: 'A second factor of your account was added, removed or made anew just now. If it was not you, change your password at once and sign out everywhere else.',
    },
    accountDeleted: {
      subject: 'Your account was deleted',
      text: (graceDays: number) =>
        `Your account was deleted and you are signed out everywhere. For ${graceDays} days it can be brought back: answer the people who run this service. Then everything about you is erased.`,
    },
    passwordChanged: {
      subject: 'Your password was changed',
      text: 'The password of your account was changed just now. If it was not you, choose a new one at once on the sign-in page, by “Forgot your password?”.',
    },
  },
};

export type Texts = typeof english;
export type FaultName = keyof Texts['faults'];
