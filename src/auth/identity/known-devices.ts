import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '../../config/config.js';

const COOKIE = 'tollgate_known_device';
const ID_BYTES = 16;
const YEAR_SECONDS = 365 * 24 * 60 * 60;

/**
 * Browsers in which an account has been signed in before. A guesser elsewhere can use up the attempts of the account, but not those of such a
 * browser, so nobody can keep its person out. The cookie opens nothing: it is only counted by itself.
 */
@Injectable()
export class KnownDevices {
  private readonly keys: readonly string[];
  private readonly isSecure: boolean;

  constructor({ cookieKeys, publicUrl }: Config) {
    this.keys = cookieKeys;
    this.isSecure = publicUrl.startsWith('https:');
  }

  /** A cookie for the browser of somebody who has just signed in. */
  cookieFor(email: string): string {
    const id = randomBytes(ID_BYTES).toString('base64url');
    const attributes = `Path=/; Max-Age=${YEAR_SECONDS}; HttpOnly; SameSite=Lax${this.isSecure ? '; Secure' : ''}`;
    return `${COOKIE}=${id}.${signature(this.keys[0]!, id, email)}; ${attributes}`;
  }

  /** The browser's id, when its cookie was made for this account; undefined for every other browser. */
  idOf(cookies: string | undefined, email: string): string | undefined {
    const ours = (cookies ?? '').split(/;\s*/).filter((cookie) => cookie.startsWith(`${COOKIE}=`));
    // There are two where an earlier version set one for a narrower path, which comes first.
    for (const cookie of ours) {
      const [id = '', sent = ''] = cookie.slice(COOKIE.length + 1).split('.');
      if (this.keys.some((key) => isEqual(sent, signature(key, id, email)))) return id;
    }
    return undefined;
  }
}

function signature(key: string, id: string, email: string): string {
  return createHmac('sha256', key).update(`known-device:${id}:${email.toLowerCase()}`).digest('base64url');
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
