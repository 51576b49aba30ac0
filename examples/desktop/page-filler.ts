import { Failure } from './failure.js';

const HOPS_MAX = 10;
const ANSWER_MS_MAX = 20_000;

export interface Credentials {
  email: string;
  password: string;
}

/**
 * Goes through the pages of the sign-in as a browser would: cookies, redirects, the forms for sign-in and consent, and back to the loopback
 * address. For scripts and tests, on accounts of one's own; everybody else signs in where only the server sees the password.
 */
export async function fillInPages(address: URL, credentials: Credentials): Promise<void> {
  const visitor = new Visitor(address.origin);
  const signInPage = await visitor.follow(address);
  const consentPage = await visitor.submit(`${signInPage.pathname}/login`, { ...credentials });
  await visitor.submit(`${consentPage.pathname}/consent`, { decision: 'allow' });
}

/** As much of a browser as these pages need. */
class Visitor {
  private readonly cookies = new Map<string, string>();

  constructor(private readonly origin: string) {}

  /** Sends a form as the script of the page does, and goes on to where the answer leads. */
  async submit(path: string, fields: Record<string, string>): Promise<URL> {
    const url = new URL(path, this.origin);
    const response = await this.send(url, {
      method: 'POST',
      // The pages take forms from themselves alone, and a browser tells where a form was.
      headers: { origin: this.origin, 'content-type': 'application/json' },
      body: JSON.stringify(fields),
    });
    const { redirectTo, detail } = (await response.json()) as { redirectTo?: string; detail?: string };
    if (redirectTo) return this.follow(new URL(redirectTo, url));
    throw new Failure('signIn', detail ?? `The sign-in page answered with status ${response.status}.`);
  }

  /** Where the redirects end. */
  async follow(address: URL): Promise<URL> {
    let url = address;
    for (let hops = 0; hops < HOPS_MAX; hops += 1) {
      const response = await this.send(url, { method: 'GET' });
      await response.body?.cancel();
      const location = response.headers.get('location');
      if (!location) return url;
      url = new URL(location, url);
    }
    throw new Failure('signIn', 'The sign-in pages lead in a circle; sign in through the browser instead.');
  }

  private async send(url: URL, init: RequestInit): Promise<Response> {
    const isOurs = url.origin === this.origin;
    const headers = new Headers(init.headers);
    if (isOurs) headers.set('cookie', [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(url, { ...init, headers, redirect: 'manual', signal });
    for (const line of isOurs ? response.headers.getSetCookie() : []) this.keep(line);
    return response;
  }

  private keep(line: string): void {
    const [pair = ''] = line.split(';');
    const name = pair.slice(0, pair.indexOf('='));
    const value = pair.slice(name.length + 1);
    if (value === '') this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}
