import { z } from 'zod';
import { InvalidRequestError } from '../../common/errors/common.errors.js';

const EMAIL_LENGTH_MAX = 254;
/** Long enough that guessing is hopeless without any rule of composition (ASVS 5.0 6.2.1). */
export const PASSWORD_LENGTH_MIN = 12;
/** Hashing is linear in the length; nobody types more. */
export const PASSWORD_LENGTH_MAX = 512;
const NAME_LENGTH_MAX = 100;

const email = z
  .string('Enter your e-mail address.')
  .trim()
  .max(EMAIL_LENGTH_MAX, `An address has at most ${EMAIL_LENGTH_MAX} characters.`)
  .pipe(z.email('Enter an e-mail address such as name@example.com.'));

/** The length alone is judged here: a password that is too short is simply not the right one. */
export const SignInForm = z.object({
  email,
  password: z
    .string('Enter your password.')
    .min(1, 'Enter your password.')
    .max(PASSWORD_LENGTH_MAX, `A password has at most ${PASSWORD_LENGTH_MAX} characters.`),
});
export type SignInForm = z.infer<typeof SignInForm>;

export const RegistrationForm = z
  .object({
    email,
    password: z
      .string('Choose a password.')
      .min(PASSWORD_LENGTH_MIN, `Choose a password of at least ${PASSWORD_LENGTH_MIN} characters.`)
      .max(PASSWORD_LENGTH_MAX, `A password has at most ${PASSWORD_LENGTH_MAX} characters.`),
    displayName: z
      .string()
      .trim()
      .max(NAME_LENGTH_MAX, `A name has at most ${NAME_LENGTH_MAX} characters.`)
      .regex(/^\P{Cc}*$/u, 'A name cannot have line breaks or control characters.')
      .optional(),
  })
  .refine((form) => form.password.toLowerCase() !== form.email.toLowerCase(), {
    path: ['password'],
    error: 'Choose a password that is not your address.',
  });
export type RegistrationForm = z.infer<typeof RegistrationForm>;

export const ConsentForm = z.object({ decision: z.enum(['allow', 'deny'], 'Choose to continue or to cancel.') });
export type ConsentForm = z.infer<typeof ConsentForm>;

export const EmailLinkForm = z.object({ token: z.string('The link is incomplete.').max(200, 'The link is not ours.') });

/** What a form or a JSON body holds. @throws InvalidRequestError naming every failed field */
export function parseForm<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  throw InvalidRequestError.of(
    parsed.error.issues.map((issue) => ({ field: issue.path.join('.'), message: issue.message })),
  );
}
