import type { Language } from '../texts/languages.js';

/** What each kind of mail is filled with. A `path` is opened on the configured public address and holds a secret. */
export interface MailVariables {
  /** Worded by the module that sends it. */
  notice: { subject: string; text: string };
  verifyEmail: { path: string; validMs: number };
  alreadyRegistered: Record<string, never>;
  resetPassword: { path: string; validMs: number };
  passwordChanged: Record<string, never>;
  changeEmail: { path: string; validMs: number };
  emailChanging: Record<string, never>;
  factorsChanged: Record<string, never>;
  connectionsChanged: Record<string, never>;
  /** As its maker named it. */
  apiKeyMade: { name: string };
  /** The device, where it has a name. */
  signInCopied: { device: string | null };
  accountDeleted: { graceDays: number };
}

export type MailTemplate = keyof MailVariables;

export type Mail = {
  [T in MailTemplate]: { to: string; language: Language; template: T; variables: MailVariables[T] };
}[MailTemplate];

/** As it goes out. */
export interface RenderedMail {
  subject: string;
  text: string;
  html: string;
}

const ADDRESS_LENGTH_MAX = 254;
/** Neither white space, control characters, quotes nor a second at-sign: nothing that a header or an address list could be made of. */
const ADDRESS = /^[^\s\p{Cc}@<>(),;:"\\]+@[^\s\p{Cc}@<>(),;:"\\]+$/u;

export function isMailAddress(text: string): boolean {
  return text.length <= ADDRESS_LENGTH_MAX && ADDRESS.test(text);
}
