/** As much of a browser as the sign-in needs: cookies, redirects one by one, forms. */
export class Browser {
  private readonly jar = new Map<string, { value: string; path: string }>();

  constructor(private readonly base: string) {}

  async get(address: string): Promise<Response> {
    return this.send(address, { method: 'GET' });
  }

  /** Sends a form as the page's script does. */
  async postJson(
    address: string,
    fields: Record<string, unknown>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.send(address, {
      method: 'POST',
      headers: { origin: this.base, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json', ...headers },
      body: JSON.stringify(fields),
    });
  }

  /** Sends a form as a browser without JavaScript does. */
  async postForm(
    address: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.send(address, {
      method: 'POST',
      headers: {
        origin: this.base,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
      body: new URLSearchParams(fields).toString(),
    });
  }

  /** Follows redirects inside the server and stops where one leads out of it. */
  async follow(address: string): Promise<{ response: Response; url: string }> {
    let url = new URL(address, this.base).href;
    for (let hops = 0; hops < 10; hops += 1) {
      const response = await this.get(url);
      const location = response.headers.get('location');
      if (!location) return { response, url };
      url = new URL(location, url).href;
      if (!url.startsWith(`${this.base}/`)) return { response, url };
    }
    throw new Error('too many redirects');
  }

  cookies(): ReadonlyMap<string, { value: string }> {
    return this.jar;
  }

  private async send(address: string, init: RequestInit): Promise<Response> {
    const url = new URL(address, this.base);
    const cookie = [...this.jar]
      .filter(([, { path }]) => url.pathname.startsWith(path))
      .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
      .join('; ');
    const headers = { ...(init.headers as Record<string, string>), ...(cookie && { cookie }) };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.store(line);
    return response;
  }

  private store(line: string): void {
    const [pair = '', ...attributes] = line.split(/;\s*/);
    const separator = pair.indexOf('=');
    const name = pair.slice(0, separator);
    const value = pair.slice(separator + 1);
    const path = attributes.find((attribute) => attribute.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
    if (value === '') this.jar.delete(`${name}|${path}`);
    else this.jar.set(`${name}|${path}`, { value, path });
  }
}
