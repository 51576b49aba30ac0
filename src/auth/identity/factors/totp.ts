import { createHmac, timingSafeEqual } from 'node:crypto';

/** What every authenticator app assumes (RFC 6238, 1.2; RFC 4226, 5.3). */
const STEP_MS = 30_000;
const DIGITS = 6;
const CODE = /^[0-9]{6}$/;
/** Steps that a clock may be off to either side (RFC 6238, 5.2). */
const DRIFT_STEPS = 1;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The code of a time step (RFC 4226, 5.3). */
export function codeAt(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 0xf;
  const number = (digest.readUInt32BE(offset) & 0x7fffffff) % 10 ** DIGITS;
  return String(number).padStart(DIGITS, '0');
}

/** The time step that a code belongs to, if it is one of now and later than `lastStep`: no code works twice. */
export function stepOf(code: string, secret: Uint8Array, now: Date, lastStep: number): number | null {
  if (!CODE.test(code)) return null;
  const current = Math.floor(now.getTime() / STEP_MS);
  for (let step = current - DRIFT_STEPS; step <= current + DRIFT_STEPS; step += 1) {
    if (step > lastStep && timingSafeEqual(Buffer.from(codeAt(secret, step)), Buffer.from(code))) return step;
  }
  return null;
}

/** RFC 4648, without padding: what people type into an app that cannot read the picture. */
export function base32(bytes: Uint8Array): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{1,5}/g) ?? []).map((group) => ALPHABET[parseInt(group.padEnd(5, '0'), 2)]).join('');
}

/** What the picture holds. */
export function enrolmentUri(secret: Uint8Array, email: string, issuer: string): string {
  const query = new URLSearchParams({ secret: base32(secret), issuer });
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(email)}?${query.toString()}`;
}
