import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { EMAIL_LENGTH_MAX, emailShape } from '../identity/email-address.js';
import { faultOf, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from '../identity/password-policy.js';
import type { FaultName, Texts } from '../texts/english.js';

const NAME_LENGTH_MAX = 100;
/** Of a token in a link, which has 43. */
const TOKEN_LENGTH_MAX = 200;

/** Every rule names its fault; the words for it are in the texts. */
const fault = (name: FaultName): FaultName => name;

const email = z
  .string(fault('emailMissing'))
  .trim()
  .max(EMAIL_LENGTH_MAX, fault('emailLong'))
  .pipe(emailShape(fault('emailFormat')));

/** The length alone is judged here: a password that is too short is simply not the right one. */
export const SignInForm = z.object({
  email,
  password: z
    .string(fault('passwordMissing'))
    .min(1, fault('passwordMissing'))
    .max(PASSWORD_LENGTH_MAX, fault('passwordLong')),
});
export type SignInForm = z.infer<typeof SignInForm>;

const newPassword = z
  .string(fault('passwordChoose'))
  .min(PASSWORD_LENGTH_MIN, fault('passwordShort'))
  .max(PASSWORD_LENGTH_MAX, fault('passwordLong'));

export const RegistrationForm = z
  .object({
    email,
    password: newPassword,
    displayName: z
      .string()
      .trim()
      .max(NAME_LENGTH_MAX, fault('nameLong'))
      .regex(/^\P{Cc}*$/u, fault('nameControl'))
      .optional(),
  })
  .superRefine((form, context) => {
    const message = faultOf(form.password, form.email);
    if (message) context.addIssue({ code: 'custom', path: ['password'], message });
  });
export type RegistrationForm = z.infer<typeof RegistrationForm>;

export const ConsentForm = z.object({ decision: z.enum(['allow', 'deny'], fault('decision')) });
export type ConsentForm = z.infer<typeof ConsentForm>;

export const ForgotPasswordForm = z.object({ email });

const token = z.string(fault('linkIncomplete')).max(TOKEN_LENGTH_MAX, fault('linkForeign'));

export const EmailLinkForm = z.object({ token });

/** The password is judged with the address that the link is for. */
export const ResetPasswordForm = z.object({ token, password: newPassword });

/** Six digits, or a recovery code with or without its dashes. */
export const CodeForm = z.object({
  code: z.string(fault('codeMissing')).trim().min(1, fault('codeMissing')).max(30, fault('codeLong')),
});

/** What the browser says of a passkey; the WebAuthn library judges it. */
const passkeyForm = <T>() => z.object({ response: z.custom<T>(isPasskeyAnswer, fault('passkeyMissing')) });
export const NewPasskeyForm = passkeyForm<RegistrationResponseJSON>();
export const PasskeyForm = passkeyForm<AuthenticationResponseJSON>();

export const ChangePasswordForm = z.object({
  current: z
    .string(fault('passwordMissing'))
    .min(1, fault('passwordMissing'))
    .max(PASSWORD_LENGTH_MAX, fault('passwordLong')),
  password: newPassword,
  endOthers: z.string().optional(),
});

export const ChangeEmailForm = z.object({ email });

/** Of the provider's answer: longer ones are not its. */
const PARAMETER_LENGTH_MAX = 500;
const parameter = z.string(fault('linkIncomplete')).max(PARAMETER_LENGTH_MAX, fault('linkForeign'));
export const CallbackForm = z.object({ code: parameter.optional(), state: parameter });

/** @throws InvalidRequestError when the password is easy to guess */
export function assertGoodPassword(password: string, address: string, texts: Texts): void {
  const name = faultOf(password, address);
  if (name) throw InvalidRequestError.of([{ field: 'password', message: texts.faults[name] }]);
}

/** What a form or a JSON body holds. @throws InvalidRequestError naming every failed field, in the words of `texts` */
export function parseForm<T>(schema: z.ZodType<T>, body: unknown, texts: Texts): T {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  throw InvalidRequestError.of(
    parsed.error.issues.map((issue) => ({
      field: issue.path.join('.'),
      message: texts.faults[issue.message as FaultName] ?? issue.message,
    })),
  );
}

/** It has at least the id by which it is looked up. */
function isPasskeyAnswer(value: unknown): boolean {
  return typeof (value as { id?: unknown } | null)?.id === 'string';
}
