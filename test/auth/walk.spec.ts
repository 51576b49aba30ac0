import { RouteTable, type Route } from '../../src/auth/access/route-table.js';
import { newId } from '../../src/common/ids.js';
import { SCOPES } from '../../src/common/http/route-markers.js';
import { SubscriptionService } from '../../src/subscription/subscription.service.js';
import { Clock } from '../../src/common/clock.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';

interface ApiDocument {
  paths: Record<string, Record<string, { parameters?: { name: string; in: string }[]; requestBody?: object }>>;
}

interface Answer {
  status: number;
  text: string;
}

/** Every route of the application, new ones included, with what a stranger or an attacker would send it. */
describe('every route', () => {
  let server: TestApp;
  let owner: { id: string; token: string };
  let stranger: string;
  let operator: string;
  beforeAll(async () => {
    server = await startTestApp();
    const scopes = SCOPES.filter((scope) => scope !== 'admin');
    const id = await ensureUser(server.app, { email: 'owner@example.com' });
    await server.app.get(SubscriptionService).ensureSubscription(id, server.app.get(Clock).now());
    owner = { id, token: await issueToken(server.app, { email: 'owner@example.com', scopes }) };
    stranger = await issueToken(server.app, { email: 'stranger@example.com', scopes });
    operator = await issueToken(server.app, { email: 'root@example.com', scopes: ['admin'], role: 'admin' });
    await live(owner.token);
  });
  afterAll(() => server.close());

  const send = async (method: string, path: string, token: string, body?: object): Promise<Answer> => {
    const response = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
  const hasBody = ({ method }: Route) => ['POST', 'PUT', 'PATCH'].includes(method);
  const hasEnd = ({ method }: Route) => method === 'DELETE';
  const rows = <T extends object>(sql: string, values: unknown[] = []) =>
    server.orm.em.fork().execute<T[]>(sql, values);

  /** Whatever leaves rows that are the person's own. */
  async function live(token: string): Promise<void> {
    const key = { name: 'notebook', scopes: ['user.info'] };
    expect((await send('POST', '/v1/me/api-keys', token, key)).status).toBe(201);
    const chat = { model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 10 };
    expect((await send('POST', '/v1/chat/completions', token, chat)).status).toBe(200);
  }

  /** The ids and request ids of all rows of the person, of whatever table. */
  async function idsOf(userId: string): Promise<string[]> {
    const columns = await rows<{ table: string; column: string }>(
      `select c.table_name as table, c.column_name as column from information_schema.columns c
       join information_schema.tables t using (table_schema, table_name)
       where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.column_name in ('id', 'request_id')
         and exists (select from information_schema.columns u
                     where u.table_schema = 'public' and u.table_name = c.table_name and u.column_name = 'user_id')`,
    );
    const found = new Set<string>();
    for (const { table, column } of columns) {
      const sql = `select distinct ${column}::text as id from ${table} where user_id = ? and ${column} is not null limit 20`;
      for (const { id } of await rows<{ id: string }>(sql, [userId])) found.add(id);
    }
    return [...found];
  }

  // Removed once: `userId` in the statement of ApiKeyRepository.revoke, which let the stranger end the key.
  it('T18 answers for another person’s id as for one that nobody has, and changes nothing', async () => {
    const ids = await idsOf(owner.id);
    expect(ids.length).toBeGreaterThan(5);
    const routes = server.app
      .get(RouteTable)
      .list()
      .filter(({ path, isPublic }) => !isPublic && !path.startsWith('/admin') && /:\w+/.test(path));
    const owned = new Set<string>();
    const told: string[] = [];
    const ask = (route: Route, id: string, token: string) =>
      send(route.method, route.path.replaceAll(/:\w+/g, id), token, hasBody(route) ? {} : undefined);
    for (const route of routes) {
      const nobody = newId();
      const asOf = ({ status, text }: Answer, id: string) =>
        `${status} ${text.replaceAll(id, '<id>').replaceAll(/"(requestId|request_id|instance)":"[^"]*"/g, '')}`;
      const unknown = asOf(await ask(route, nobody, stranger), nobody);
      for (const id of ids) {
        const answer = await ask(route, id, stranger);
        if (answer.status < 400 || asOf(answer, id) !== unknown)
          told.push(`${route.method} ${route.path}: ${answer.status}`);
      }
    }
    expect(told).toEqual([]);
    // That the walk proves something: the owner finds things by the same ids, and reads them before she ends them.
    for (const route of routes.toSorted((one, other) => Number(hasEnd(one)) - Number(hasEnd(other)))) {
      for (const id of ids) {
        if ((await ask(route, id, owner.token)).status < 400) owned.add(`${route.method} ${route.path}`);
      }
    }
    expect([...owned]).toEqual(
      expect.arrayContaining(['DELETE /v1/me/api-keys/:id', 'GET /v1/usage/:requestId', 'DELETE /v1/me/sessions/:id']),
    );
  });

  // Removed once: `forbidNonWhitelisted` in the validation pipe.
  it('T21 refuses fields that are not the sender’s to set, before it looks for what they would change', async () => {
    const fields = { passwordHash: 'x', emailVerified: true, deletedAt: null, balanceUcr: '1', userId: owner.id };
    const { paths } = JSON.parse((await send('GET', '/openapi.json', operator)).text) as ApiDocument;
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { requestBody }]) =>
        requestBody && path.startsWith('/admin') ? [{ method: method.toUpperCase(), path }] : [],
      ),
    );
    expect(operations.length).toBeGreaterThan(30);
    const taken = new Set<string>();
    for (const { method, path } of operations) {
      for (const body of [fields, { reason: 'x', ...fields }, { reason: 'x', data: [fields] }]) {
        const { status } = await send(method, path.replaceAll(/\{\w+\}/g, newId()), operator, body);
        if (status !== 400 && status !== 422) taken.add(`${method} ${path}: ${status}`);
      }
    }
    expect([...taken]).toEqual([]);
  });

  it('T22 takes filters as values and never as parts of a query', async () => {
    const document = JSON.parse((await send('GET', '/openapi.json', operator)).text) as ApiDocument;
    const before = await rows('select count(*)::int as users from users');
    const hostile = [`{"$or":[{}]}`, `payload->>'x'`, `'; drop table users; --`, 'x'.repeat(5_000), '1,'.repeat(5_000)];
    const failed: string[] = [];
    let asked = 0;
    for (const [path, { get }] of Object.entries(document.paths)) {
      const parameters = get?.parameters?.filter((parameter) => parameter.in === 'query') ?? [];
      const address = path.replaceAll(/\{\w+\}/g, newId());
      for (const { name } of parameters) {
        for (const query of [
          ...hostile.map((value) => `${name}=${encodeURIComponent(value)}`),
          `${name}[$ne]=x`,
          `${name}=a&${name}=b`,
        ]) {
          const token = path.startsWith('/admin') ? operator : owner.token;
          const { status, text } = await send('GET', `${address}?${query}`, token);
          asked += 1;
          if (status >= 500 || /syntax error|pg_|relation "/.test(text))
            failed.push(`${path}?${query.slice(0, 60)}: ${status}`);
        }
      }
    }
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(100);
    expect(await rows('select count(*)::int as users from users')).toEqual(before);
  });
});
