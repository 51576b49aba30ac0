import { SCOPES } from '../src/common/http/route-markers.js';
import { AdminConsole } from './models/admin-console.js';
import { ensureUser, issueToken } from './support/tokens.js';
import { until } from './support/until.js';
import { addLedgerRows } from './usage/ledger-rows.js';

interface Parameter {
  name: string;
  in: 'query' | 'path' | 'header';
  required?: boolean;
  schema: Schema;
}
interface Schema {
  $ref?: string;
  type?: string;
  enum?: string[];
  format?: string;
  minimum?: number;
  properties?: Record<string, Schema>;
}
interface Operation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema?: Schema }> };
  responses: Record<string, unknown>;
}
interface Route {
  method: string;
  path: string;
  operation: Operation;
}

const NOBODY = '0197c000-0000-7000-8000-00000000dead';
/** SQL, operators of JSON paths and of the ORM, and what breaks out of quotes. */
const INJECTIONS = [
  `' or 1=1 --`,
  `'; drop table users; --`,
  `{"$ne":null}`,
  `payload->>'x'`,
  `%' or '%'='`,
  `\\'; select pg_sleep(9) --`,
  `$1`,
  `x){{7*7}}`,
];
const CURSORS = ['eA', `' or 1=1`, '..%2F..', 'e30', Buffer.from(`x/${NOBODY}`).toString('base64url'), 'A'.repeat(600)];
const LIMITS = ['0', '-1', '201', '1e9', 'many', '1.5', ''];
const ZONES = ['Mars/Olympus', 'Europe/Berlin;', `UTC'`, '../UTC'];
const DAYS = ['yesterday', '2026-02-30', '2026-W52-1', '2027-200', '0'];
/** None of the calendar, none of this world, and those that would be another time on every server. */
const TIMES = [
  ...DAYS,
  '2026-02-30T00:00:00Z',
  `2026-01-01T00:00:00Z' --`,
  '2027-07-01T00:00:00',
  '2027-07-01',
  '20270701T000000Z',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59-01:00',
];
/** Answers that tell of nothing: an empty list, a file that is only its header, no release, nothing spent. */
const NOTHING = /"data":\[\]|^\[\]$|^[a-z_,]+\s*$|"release":null|"spent":\{"credits":"0\.000000"|^$/;
/** A body that takes liberties: fields that nobody may set, and one that does not exist. */
const LIBERTIES = { id: NOBODY, role: 'admin', balanceUcr: '1', isVerified: true, deletedAt: null, surprise: 1 };
/** Written by every request, whatever it asks. */
const LOGS = [
  'api_usage',
  'audit_trail',
  'system_logs',
  'performance_metrics',
  'auth_events',
  'job_runs',
  'job_cursors',
  'intake_rates',
];

/** Walks the API description: a route that joins it is asked the same. */
describe('bad input', () => {
  let admin: AdminConsole;
  let everything: string;
  let routes: Route[];
  let schemas: Record<string, Schema>;

  beforeAll(async () => {
    admin = await AdminConsole.start();
    everything = await issueToken(admin.server.app, { email: 'admin@example.com', role: 'admin', scopes: SCOPES });
    const userId = await ensureUser(admin.server.app, { email: 'person@example.com' });
    // Something to be found by a filter that is no filter.
    await addLedgerRows(admin.server.orm.em.fork(), [{ userId, createdAt: new Date(Date.now() - 60_000) }]);
    const document = (await (await fetch(`${admin.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, Operation>>;
      components: { schemas: Record<string, Schema> };
    };
    schemas = document.components.schemas;
    routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    );
    expect(routes.length).toBeGreaterThan(100);
    // Whoever looks at credits for the first time gets an account.
    expect((await ask('GET', '/v1/me/credits')).status).toBe(200);
  });
  afterAll(() => admin.close());

  const queryOf = ({ operation }: Route) => (operation.parameters ?? []).filter((one) => one.in === 'query');
  const lists = (name?: string) =>
    routes.filter(
      (route) =>
        route.method === 'GET' && queryOf(route).some((parameter) => name === undefined || parameter.name === name),
    );
  const timesAsked = () =>
    lists().flatMap((route) =>
      queryOf(route)
        .filter(({ schema }) => schema.format === 'date-time' || schema.format === 'date')
        .map(({ name, schema }) => ({ route, name, format: schema.format })),
    );
  const bodyOf = ({ operation }: Route): Record<string, Schema> => {
    const schema = operation.requestBody?.content['application/json']?.schema;
    return (schema?.$ref ? schemas[schema.$ref.split('/').at(-1) ?? ''] : schema)?.properties ?? {};
  };
  /** With ids that are nobody's, and what a query must have. */
  const addressOf = ({ path, operation }: Route, query: Record<string, string> = {}): string => {
    const needed = (operation.parameters ?? []).filter((one) => one.in === 'query' && one.required);
    const given = needed.map(({ name, schema }) => [name, schema.enum?.[0] ?? 'sandbox']);
    const search = new URLSearchParams({ ...Object.fromEntries(given), ...query });
    return `${path.replaceAll(/\{\w+\}/g, NOBODY)}?${search.toString()}`;
  };
  async function ask(method: string, address: string, token = everything, body?: object) {
    const response = await fetch(`${admin.url}${address}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json', 'if-match': '"stale"', 'idempotency-key': 'bad-input-key' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text };
  }
  /** The addresses whose answer is none of `wanted`, to be told all at once. */
  async function answeredOtherwise(wanted: number[], addresses: string[]): Promise<string[]> {
    const wrong: string[] = [];
    for (const address of addresses) {
      const { status } = await ask('GET', address);
      if (!wanted.includes(status)) wrong.push(`${status} ${address}`);
    }
    return wrong;
  }
  async function rowCounts(): Promise<Record<string, number>> {
    const em = admin.server.orm.em.fork();
    const tables = await em.execute<{ name: string }[]>(
      `select c.relname as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
    );
    const counts: Record<string, number> = {};
    for (const { name } of tables.filter((table) => !LOGS.includes(table.name))) {
      const [row] = await em.execute<{ n: number }[]>(`select count(*)::int as n from ${name}`);
      counts[name] = row!.n;
    }
    return counts;
  }

  async function triedBy(userId: string): Promise<number> {
    const sql = `select count(*)::int as n from audit_trail where action = 'admin.refused' and actor_id = ?`;
    return (await admin.server.orm.em.fork().execute<{ n: number }[]>(sql, [userId]))[0]!.n;
  }

  it('unknown filters and sort fields are refused by every list', async () => {
    const addresses = lists().flatMap((route) => [
      addressOf(route, { surprise: '1' }),
      addressOf(route, { 'userId[$ne]': 'x' }),
      ...(queryOf(route).some(({ name }) => name === 'sort')
        ? [addressOf(route, { sort: 'password_hash' }), addressOf(route, { sort: '1; drop table users' })]
        : [addressOf(route, { sort: 'id' })]),
    ]);
    expect(addresses.length).toBeGreaterThan(90);
    expect(await answeredOtherwise([400], addresses)).toEqual([]);
  });

  it('cursors that were tampered with, and pages that are none, are refused', async () => {
    const tampered = lists('cursor').flatMap((route) => CURSORS.map((cursor) => addressOf(route, { cursor })));
    const sizes = lists('limit').flatMap((route) => LIMITS.map((limit) => addressOf(route, { limit })));
    expect(tampered.length).toBeGreaterThan(100);
    // A page of what nobody has is looked for first.
    expect(await answeredOtherwise([400, 404], [...tampered, ...sizes])).toEqual([]);
  });

  it('times and zones that do not exist, and ranges without end, are refused', async () => {
    const zones = lists('timeZone').flatMap((route) => ZONES.map((timeZone) => addressOf(route, { timeZone })));
    const times = timesAsked().flatMap(({ route, name, format }) =>
      (format === 'date' ? DAYS : TIMES).map((text) => addressOf(route, { [name]: text })),
    );
    const wide = lists('from')
      .filter(({ path }) => path.startsWith('/admin/usage') && !path.endsWith('/export') && !path.endsWith('/vision'))
      .map((route) => addressOf(route, { from: '1000-01-01T00:00:00Z', to: '2999-01-01T00:00:00Z' }));
    expect(Math.min(zones.length, times.length, wide.length)).toBeGreaterThan(5);
    expect(timesAsked().length).toBeGreaterThan(25);
    expect(await answeredOtherwise([400, 404], [...zones, ...times, ...wide])).toEqual([]);
  });

  it('a time with an offset is taken wherever a time is', async () => {
    const recent = new Date(Date.now() - 3_600_000).toISOString().replace('Z', '+00:00');
    const times = timesAsked().filter(({ format, name }) => format === 'date-time' && name !== 'to');
    expect(times.length).toBeGreaterThan(12);
    const addresses = times.map(({ route, name }) => addressOf(route, { [name]: recent }));
    expect(await answeredOtherwise([200, 404], addresses)).toEqual([]);
  });

  it('a time in a body that is none is refused with its field and an example of one', async () => {
    const taken: string[] = [];
    let asked = 0;
    for (const route of routes)
      for (const [field, { format }] of Object.entries(bodyOf(route))) {
        if (route.method === 'GET' || (format !== 'date-time' && format !== 'date')) continue;
        asked += 1;
        for (const text of [...(format === 'date' ? DAYS : TIMES), 5, ['2027-07-01T00:00:00Z']]) {
          const { status, text: answer } = await ask(route.method, addressOf(route), everything, { [field]: text });
          const isTold = answer.includes(
            `"field":"${field}","message":"must be a ${format === 'date' ? 'day' : 'time'}`,
          );
          if (status !== 400 || !isTold)
            taken.push(`${status} ${route.method} ${route.path} ${field}=${String(text)} ${answer}`);
        }
      }
    expect(taken).toEqual([]);
    expect(asked).toBeGreaterThan(5);
  });

  // Seen failing with a provider that was written into the statement of the ledger in place of being its parameter.
  it('T22 what would be SQL or an operator in a filter is a text that nothing matches', async () => {
    const before = await rowCounts();
    const found: string[] = [];
    for (const route of lists())
      for (const { name } of queryOf(route).filter(({ schema }) => schema.type === 'string' && !schema.enum))
        for (const text of INJECTIONS) {
          const address = addressOf(route, { [name]: text });
          const answer = await ask('GET', address);
          const isEmpty = answer.status === 200 && NOTHING.test(answer.text);
          if (!isEmpty && answer.status !== 400 && answer.status !== 404)
            found.push(`${answer.status} ${address} ${answer.text.slice(0, 80)}`);
        }
    expect(found).toEqual([]);
    expect(await rowCounts()).toEqual(before);
  });

  it('T21 a body that takes liberties changes nothing', async () => {
    const before = await rowCounts();
    const taken: string[] = [];
    const writes = routes.filter(
      ({ method, operation }) => method !== 'GET' && operation.requestBody?.content['application/json'],
    );
    expect(writes.length).toBeGreaterThan(40);
    for (const route of writes) {
      const { status } = await ask(route.method, addressOf(route), everything, LIBERTIES);
      if (![400, 401, 403, 404, 409, 412, 422, 428].includes(status))
        taken.push(`${status} ${route.method} ${route.path}`);
    }
    expect(taken).toEqual([]);
    expect(await rowCounts()).toEqual(before);
  });

  // Removed once: the bound of a beginning that is left out. PostgreSQL has no year 0, and these were 500.
  it.each([
    '/admin/usage/vision?to=0001-01-01T00:00:00Z',
    '/admin/api-usage?to=0001-01-01T12:00:00Z',
    '/admin/api-usage/summary?to=0001-01-01T12:00:00Z',
    '/admin/system-logs?to=0001-01-01T12:00:00Z',
    '/admin/generations/models?to=0001-01-01T12:00:00Z',
    '/admin/analyses/summary?to=0001-01-01T12:00:00Z',
    '/admin/imports/provider-usage/drift?provider=sandbox&to=0001-01-02',
  ])('%s begins no earlier than times do', async (path) => {
    expect([200, 400]).toContain((await admin.get(path)).status);
  });

  // Seen failing where POST /admin/budgets named support among its roles.
  it('support reads, and writes nothing; what was tried is in the audit trail', async () => {
    const support = await admin.as('support');
    const refused: string[] = [];
    const allowed: string[] = [];
    for (const route of routes.filter(({ method, path }) => method !== 'GET' && path.startsWith('/admin/'))) {
      const { status } = await ask(route.method, addressOf(route), support.token, {});
      (status === 403 ? refused : allowed).push(`${route.method} ${route.path}`);
    }
    expect(allowed.sort()).toEqual(SUPPORT_MAY);
    expect(refused.length).toBeGreaterThan(40);
    // The line is written after the answer.
    await until(async () => (await triedBy(support.userId)) >= refused.length);
    expect(await triedBy(support.userId)).toBe(refused.length);
  });
});

/** What helps a person and gives nothing away. */
const SUPPORT_MAY = [
  'PATCH /admin/feedback/{id}',
  'POST /admin/job-failures/{id}/dismiss',
  'POST /admin/job-failures/{id}/retry',
  'POST /admin/models/{id}/parameter-constraints/test',
  'POST /admin/users/{userId}/unblock',
];
