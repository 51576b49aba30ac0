import { ValidateBy } from 'class-validator';
import { z } from 'zod';

export const EMAIL_LENGTH_MAX = 254;

/** The one shape of an address, for who is invited as for who signs in: nobody gets an account with an address that the pages refuse. */
export const emailShape = (message?: string): z.ZodEmail => z.email(message);

export function isEmailAddress(text: unknown): boolean {
  return typeof text === 'string' && text.length <= EMAIL_LENGTH_MAX && emailShape().safeParse(text).success;
}

/** The same for the fields of a body. */
export function IsEmailAddress(): PropertyDecorator {
  const defaultMessage = (): string => '$property must be an address such as name@example.com';
  return ValidateBy({ name: 'isEmailAddress', validator: { validate: isEmailAddress, defaultMessage } });
}
