import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Nobody guesses these, so a plain hash keeps one as secret as it is. */
const SECRET_BYTES = 32;

export function newClientSecret(): string {
  return `tgs_${randomBytes(SECRET_BYTES).toString('base64url')}`;
}

/** All that is stored of a secret. */
export function hashClientSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Whether a secret is the one whose hash the engine was given in its place. The hash itself is not. */
export function isClientSecret(presented: string, storedHash: string | undefined): boolean {
  const stored = Buffer.from(storedHash ?? '', 'base64url');
  const hash = hashClientSecret(presented);
  return stored.length === hash.length && timingSafeEqual(hash, stored);
}
