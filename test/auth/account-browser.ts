import { codeAt } from '../../src/auth/identity/factors/totp.js';
import type { Browser } from './browser.js';
import type { Person } from './desktop-client.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** What an authenticator app shows at a moment for the secret that a page spells out. */
export function appCode(secret: string, at: Date): string {
  const bits = secret
    .replaceAll(/[^A-Z2-7]/g, '')
    .split('')
    .map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2));
  return codeAt(Buffer.from(bytes), Math.floor(at.getTime() / 30_000));
}

/** The secret on a page that enrols an app. */
export function secretOn(page: string): string {
  return /<code>([A-Z2-7 ]+)<\/code>/.exec(page)?.[1]?.replaceAll(' ', '') ?? '';
}

/** Signs in on the pages of the account: the page it ends on. `code` answers the second step, if there is one. */
export async function openAccount(
  browser: Browser,
  person: Person,
  code?: (page: string) => string,
  path = '/account',
): Promise<{ page: string; url: string }> {
  let { response, url } = await browser.follow(path);
  let page = await response.text();
  const submit = async (step: string, fields: Record<string, string>): Promise<void> => {
    const answer = await browser.postJson(`${new URL(url).pathname.replace('/mfa', '')}/${step}`, fields);
    if (answer.status !== 200) throw new Error(`${step}: ${answer.status} ${await answer.text()}`);
    ({ response, url } = await browser.follow(((await answer.json()) as { redirectTo: string }).redirectTo));
    page = await response.text();
  };
  if (page.includes('name="password"') && url.includes('/interaction/')) await submit('login', { ...person });
  if (page.includes('name="code"') && url.includes('/interaction/') && code) await submit('mfa', { code: code(page) });
  return { page, url };
}
