import type { Role, Scope } from '../../src/common/http/route-markers.js';
import { startTestApp, type TestApp, type TestAppOptions } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** The admin routes as an operator's console calls them. */
export class AdminConsole {
  private constructor(
    readonly server: TestApp,
    readonly token: string,
    readonly userId: string,
  ) {}

  static async start(options: TestAppOptions = {}): Promise<AdminConsole> {
    return AdminConsole.on(await startTestApp(options));
  }

  static async on(server: TestApp): Promise<AdminConsole> {
    const who = { email: 'admin@example.com', role: 'admin' as const };
    const token = await issueToken(server.app, { ...who, scopes: ['admin'] });
    return new AdminConsole(server, token, await ensureUser(server.app, who));
  }

  get url(): string {
    return this.server.url;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  /** The same console with another person before it. */
  async as(role: Role, scopes: Scope[] = ['admin']): Promise<AdminConsole> {
    const who = { email: `${role}-${scopes.join('-')}@example.com`, role };
    const token = await issueToken(this.server.app, { ...who, scopes });
    return new AdminConsole(this.server, token, await ensureUser(this.server.app, who));
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.send('POST', path, body);
  }

  /** A change from the present state of what it changes, as a console makes it that has just read it. */
  async edit(method: string, path: string, body?: unknown): Promise<Answer> {
    const model = /^\/admin\/models\/[^/?]+/.exec(path)?.[0] ?? path;
    const etag = (await this.get(model)).headers.get('etag') ?? '"none"';
    return this.send(method, path, body, { 'if-match': etag });
  }

  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${this.server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
    };
  }
}
