import { wait } from './wait.js';

const units = { second: ['second', 'seconds'], minute: ['minute', 'minutes'], hour: ['hour', 'hours'] } as const;

/** Every sentence that people read on the pages and in the mails of the sign-in. Other languages have the same shape. */
export const english = {
  language: 'en',
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
  },
};

export type Texts = typeof english;
