import { Logger } from '@nestjs/common';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { ApiUsageCounter } from '../../src/monitoring/api-usage/api-usage-counter.service.js';
import { AuditTrail } from '../../src/monitoring/audit-trail.service.js';
import { LogBuffer } from '../../src/monitoring/system-logs/log-buffer.js';
import { PerformanceSampler } from '../../src/monitoring/performance/performance-sampler.service.js';
import { SystemLogWriter } from '../../src/monitoring/system-logs/system-log-writer.service.js';
import { ChatBench, HELLO } from '../inference/chat-bench.js';
import { ensureUser } from '../support/tokens.js';
import { until } from '../support/until.js';
import { AdminConsole } from '../models/admin-console.js';

const SECRET = 'sk-secret-of-the-tests';
const DAY_MS = 86_400_000;

type Line = Record<string, unknown>;

describe('what monitoring records', () => {
  let bench: ChatBench;
  let admin: AdminConsole;
  let support: AdminConsole;
  beforeAll(async () => {
    bench = await ChatBench.start({ env: { LOG_LEVEL: 'warn' } });
    admin = await AdminConsole.on(bench.server);
    support = await admin.as('support');
  });
  afterAll(() => bench.close());

  const get = <Service>(token: abstract new (...args: never[]) => Service): Service =>
    bench.server.app.get<Service>(token);
  const list = async (path: string, console = support): Promise<Line[]> => {
    const { status, body } = await console.get(path);
    expect({ path, status }).toEqual({ path, status: 200 });
    return body['data'] as Line[];
  };
  const execute = <Row>(sql: string): Promise<Row[]> => bench.server.orm.em.getConnection().execute<Row[]>(sql);

  /** All pages of a list, one row at a time. */
  async function walk(path: string): Promise<Line[]> {
    const rows: Line[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await support.get(`${path}&limit=1${cursor && `&cursor=${cursor}`}`);
      rows.push(...(body['data'] as Line[]));
      cursor = body['nextCursor'] as string | null;
    }
    return rows;
  }

  describe('of the log', () => {
    const logger = new Logger('Bakery');
    const stored = async (query = ''): Promise<Line[]> => {
      await get(SystemLogWriter).flush();
      return list(`/admin/system-logs?service=Bakery${query}`);
    };

    it('is each line by level, service, user, session and request, as redacted as the log', async () => {
      const [userId, sessionId, requestId] = [admin.userId, crypto.randomUUID(), crypto.randomUUID()];
      logger.warn(
        { userId, sessionId, requestId, loaf: 7, apiKey: SECRET, oven: { token: SECRET } },
        'the bread burns\0',
      );
      logger.error('the bread is done');
      for (const query of [
        `userId=${userId}`,
        `sessionId=${sessionId}`,
        `requestId=${requestId}`,
        'level=warn',
        'text=BURNS',
      ])
        expect(await stored(`&${query}`)).toEqual([
          expect.objectContaining({
            level: 'warn',
            service: 'Bakery',
            message: 'the bread burns\ufffd',
            userId,
            sessionId,
          }),
        ]);
      const [line] = await stored('&level=warn');
      expect(line!['metadata']).toMatchObject({
        loaf: 7,
        requestId,
        apiKey: '[redacted]',
        oven: { token: '[redacted]' },
      });
      expect(JSON.stringify(await execute('select * from system_logs'))).not.toContain(SECRET);
    });

    it('loses the name of a user who is not there, and keeps the line', async () => {
      logger.warn({ userId: crypto.randomUUID() }, 'somebody bought bread');
      expect(await stored('&text=somebody')).toMatchObject([{ userId: null }]);
    });

    // Removed once: that halves of characters are replaced. The database then refused every line of the statement.
    it('has what a client wrote without whole characters, and the lines beside it', async () => {
      logger.warn({ written: 'half \ud83d' }, 'a client wrote a recipe');
      logger.warn('the recipe is gone');
      expect(await stored('&text=recipe')).toMatchObject([
        { message: 'the recipe is gone' },
        { message: 'a client wrote a recipe', metadata: { written: 'half \ufffd' } },
      ]);
    });

    // Removed once: that failures which pass put their lines back. Then they are gone when the database is back.
    it('waits while the database takes nothing, within its bounds; nobody else does, and nothing is written about writing', async () => {
      const buffer = get(LogBuffer);
      const line = JSON.stringify({ level: 40, time: Date.now(), context: 'Crowd', msg: 'one of many' });
      await execute(`create function tollgate.no_bread() returns trigger language plpgsql as
        $$ begin raise exception 'no bread' using errcode = 'too_many_connections'; end $$`);
      await execute(
        `create trigger no_bread before insert on system_logs for each row execute function tollgate.no_bread()`,
      );
      for (let count = 0; count < 6_000; count += 1) buffer.write(line);
      for (let attempt = 0; attempt < 2; attempt += 1) await get(SystemLogWriter).flush();
      expect(buffer.waiting).toBe(5_000);
      expect((await fetch(`${bench.server.url}/health/live`)).status).toBe(200);
      await execute('drop trigger no_bread on system_logs');
      await get(SystemLogWriter).flush();
      expect(await execute(`select count(*)::integer as lines from system_logs where service = 'Crowd'`)).toEqual([
        { lines: 5_000 },
      ]);
      expect(await list('/admin/system-logs?service=SystemLogWriter')).toEqual([]);
      const metrics = await (await fetch(`${bench.server.url}/metrics`)).text();
      expect(metrics).toMatch(/^tollgate_system_logs_dropped 1000$/m);
      expect(metrics).toMatch(/^tollgate_system_logs_waiting 0$/m);
    });

    it('can be paged from either end', async () => {
      const newest = await walk('/admin/system-logs?service=Bakery&text=bread');
      const oldest = await walk('/admin/system-logs?service=Bakery&text=bread&order=oldest');
      expect(newest).toHaveLength(3);
      expect(newest).toEqual(oldest.toReversed());
    });
  });

  describe('of requests', () => {
    const hours = async (query: string): Promise<Line[]> => {
      await get(ApiUsageCounter).flush();
      return list(`/admin/api-usage?${query}`);
    };

    // Removed once: `charge` in OpenHold. The line of the chat then has no tokens.
    it('are counts by hour, route and user, with what was charged', async () => {
      const caller = await bench.caller();
      await caller.chat(HELLO);
      await caller.chat({ ...HELLO, stream: true });
      await caller.chat({ ...HELLO, model: 'no-such-model' });
      const lines = await hours(`userId=${caller.userId}&endpoint=/v1/chat/completions`);
      const [ledger] = await execute<{ tokens: string; cost: string }>(
        `select sum(input_tokens + output_tokens)::text as tokens, sum(cost_nusd)::text as cost from token_usage_ledger where user_id = '${caller.userId}'`,
      );
      expect(lines).toEqual([
        expect.objectContaining({ service: 'api', method: 'POST', requests: 3, errors: 1, tokens: ledger!.tokens }),
      ]);
      expect(Number(lines[0]!['errorRate'])).toBeCloseTo(1 / 3, 5);
      await caller.chat(HELLO);
      expect(await hours(`userId=${caller.userId}&method=POST`)).toMatchObject([{ requests: 4, errors: 1 }]);
    });

    it('have one line for all addresses that are none, and the endpoints of the sign-in', async () => {
      for (const path of ['/a', '/b/c', '/oauth2/nothing', '/oauth2/jwks']) await fetch(`${bench.server.url}${path}`);
      const lines = await hours('');
      expect(lines.filter(({ endpoint }) => endpoint === '(no route)')).toMatchObject([{ requests: 3, errors: 3 }]);
      expect(lines.filter(({ endpoint }) => endpoint === '/oauth2/jwks')).toMatchObject([{ service: 'sign-in' }]);
      expect(lines.filter(({ endpoint }) => String(endpoint).startsWith('/health'))).toEqual([]);
    });

    it.each(['hour', 'cost', 'errorRate'])('come in the order of %s, page by page', async (sort) => {
      const all = await hours(`sort=${sort}&limit=200`);
      expect(await walk(`/admin/api-usage?sort=${sort}`)).toHaveLength(all.length);
      const values = all.map(({ hour, cost, errorRate }) =>
        sort === 'hour' ? Date.parse(String(hour)) : Number(sort === 'cost' ? (cost as Line)['amount'] : errorRate),
      );
      expect(values).toEqual(values.toSorted((one, other) => other - one));
    });

    it.each(['hour', 'service', 'endpoint', 'user'])('are summed by %s to the same', async (group) => {
      await get(ApiUsageCounter).flush();
      const [stored] = await execute<{ requests: number }>(
        'select sum(request_count)::integer as requests from api_usage',
      );
      const lines = await list(`/admin/api-usage/summary?groupBy=${group}`);
      expect(lines.reduce((sum, { requests }) => sum + Number(requests), 0)).toBe(stored!.requests);
    });
  });

  it('of processes are samples, with percentiles by time', async () => {
    await get(PerformanceSampler).sample();
    await admin.get('/admin/users');
    await get(PerformanceSampler).sample();
    const memory = await support.get('/admin/performance?name=memory&interval=minute');
    expect(memory.body).toMatchObject({ name: 'memory', unit: 'bytes', interval: 'minute' });
    const points = memory.body['data'] as Line[];
    expect(points.reduce((sum, { samples }) => sum + Number(samples), 0)).toBe(2);
    expect(Number(points[0]!['p50'])).toBeGreaterThan(1e7);
    const times = await list('/admin/performance?name=request_p95&service=admin');
    expect(times.at(-1)).toMatchObject({ service: 'admin', p50: expect.any(Number), max: expect.any(Number) });
  });

  describe('of operators', () => {
    const trail = async (query: string): Promise<Line[]> => list(`/admin/audit-trail?${query}`);

    it('is written whatever the texts of a change hold', async () => {
      const change = {
        action: 'loaf.update',
        entity: 'loaf',
        entityId: 'rye',
        before: null,
        after: { note: 'a\0b\ud83d' },
      };
      await get(AuditTrail).record(change, { actorId: null, reason: null }, new Date());
      expect(await trail('entity=loaf')).toMatchObject([{ after: { note: 'a\ufffdb\ufffd' } }]);
    });

    /** Lines that nobody waits for. */
    async function awaited(query: string): Promise<Line[]> {
      let lines: Line[] = [];
      await until(async () => (lines = await trail(query)).length > 0);
      return lines;
    }

    it('is who changed what, from what to what, why, from where and in which request', async () => {
      const plan = await admin.get('/admin/plans/pro');
      const { displayName } = plan.body;
      const change = { displayName: 'Pro!', reason: 'For a test' };
      const { headers } = await admin.send('PATCH', '/admin/plans/pro', change, {
        'if-match': plan.headers.get('etag')!,
      });
      const requestId = headers.get('x-request-id')!;
      const expected = {
        actorId: admin.userId,
        action: 'plan.update',
        entity: 'plan',
        entityId: 'pro',
        reason: 'For a test',
        requestId,
      };
      for (const query of [
        `requestId=${requestId}`,
        `actorId=${admin.userId}&action=plan.update`,
        'entity=plan&entityId=pro',
      ])
        expect(await trail(query)).toEqual([
          expect.objectContaining({
            ...expected,
            before: expect.objectContaining({ displayName }),
            after: expect.objectContaining({ displayName: 'Pro!' }),
            ip: expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
          }),
        ]);
    });

    // Removed once: `noteAdminRequests` in bootstrap. Neither this nor the next line comes.
    it('is every other request of theirs that does more than read', async () => {
      const { headers } = await admin.post('/admin/credits/rollover?dryRun=true', undefined);
      expect(await awaited(`requestId=${headers.get('x-request-id')}`)).toMatchObject([
        {
          action: 'admin.request',
          entity: 'route',
          entityId: 'POST /admin/credits/rollover',
          after: { status: 200, path: '/admin/credits/rollover' },
        },
      ]);
    });

    it('has the reason of a request without a body from its query', async () => {
      const userId = await ensureUser(admin.server.app, { email: 'nowhere@example.com' });
      const { headers } = await admin.send('DELETE', `/admin/users/${userId}/sessions?reason=Moved%20away`);
      expect(await awaited(`requestId=${headers.get('x-request-id')}`)).toMatchObject([
        { action: 'admin.request', entityId: 'DELETE /admin/users/:userId/sessions', reason: 'Moved away' },
      ]);
    });

    // A reason that PostgreSQL does not take kept the line from being written: whoever sent one was never seen.
    it('is what support tried and may not, whatever reason is given', async () => {
      expect((await support.send('PATCH', '/admin/plans/pro', { reason: 'a\0b\ud83d' })).status).toBe(403);
      expect(await awaited(`actorId=${support.userId}&action=admin.refused`)).toMatchObject([
        { entityId: 'PATCH /admin/plans/:tier', reason: 'a\ufffdb\ufffd' },
      ]);
    });

    it('is what support tried and may not, once a minute, and nothing of users', async () => {
      const user = await admin.as('user');
      expect((await user.post('/admin/budgets', {})).status).toBe(403);
      for (let attempt = 0; attempt < 3; attempt += 1)
        expect((await support.post('/admin/budgets', { reason: 'I want to' })).status).toBe(403);
      const lines = await awaited(`actorId=${support.userId}&entityId=POST%20/admin/budgets`);
      expect(lines).toMatchObject([
        { action: 'admin.refused', entityId: 'POST /admin/budgets', reason: 'I want to', after: { status: 403 } },
      ]);
      expect(await trail(`actorId=${user.userId}`)).toEqual([]);
    });
  });

  it('is asked by documented filters alone', async () => {
    const refused = {
      '/admin/system-logs': [
        'level=loud',
        'sort=level',
        'order=random',
        'userId=1',
        'text=',
        'cursor=eA',
        'from=2026-01-01T00:00:00Z',
        "requestId=' or 1=1 --",
        'from=2027-01-01T00:00:00Z&to=2026-01-01T00:00:00Z',
      ],
      '/admin/audit-trail': [
        'actorId=1',
        'sort=action',
        'entity=',
        'from=yesterday',
        `cursor=${Buffer.from(`2026-02-31T00:00:00.000000Z/${crypto.randomUUID()}`).toString('base64url')}`,
        'cursor=Li4v',
        'from=2027-01-01T00:00:00Z&to=2026-01-01T00:00:00Z',
      ],
      '/admin/api-usage': [
        'sort=tokens',
        'service=bakery',
        'method=BAKE',
        'cursor=eA',
        'from=2025-01-01T00:00:00Z',
        `cursor=${Buffer.from(`cost/1/${crypto.randomUUID()}`).toString('base64url')}`,
        `sort=cost&cursor=${Buffer.from(`cost/1;drop table users/${crypto.randomUUID()}`).toString('base64url')}`,
      ],
      '/admin/api-usage/summary': ['groupBy=day', 'limit=1'],
      '/admin/performance': [
        '',
        'name=bread',
        'name=cpu&interval=week',
        'name=cpu&interval=minute&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z',
        'name=cpu&interval=day&from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z',
      ],
    };
    for (const [path, queries] of Object.entries(refused))
      for (const query of queries) {
        const { status, body } = await support.get(`${path}?${query}`);
        expect({ path, query, status, code: body['code'] }).toEqual({
          path,
          query,
          status: 400,
          code: 'invalid_request',
        });
      }
    const quoted = await list(`/admin/system-logs?service=${encodeURIComponent("' or 1=1 --")}`);
    expect(quoted).toEqual([]);
  });

  it('leaves when its days are over: whole months, and rows of the month that is not over', async () => {
    await execute(`select tollgate.add_partition('system_logs', date '2026-01-01')`);
    await execute(`insert into system_logs (id, level, message, service, created_at) values
      ('0197c000-0000-7000-8000-000000000001', 'info', 'of old', 'Old', '2026-01-15')`);
    await execute(`insert into performance_metrics (id, name, value, unit, created_at) values
      ('0197c000-0000-7000-8000-000000000001', 'cpu', 1, 'ratio', now() - interval '40 days')`);
    await execute(`insert into api_usage (id, service, endpoint, method, time_window, created_at, updated_at) values
      ('0197c000-0000-7000-8000-000000000001', 'api', '/old', 'GET', now() - interval '14 months', now(), now())`);
    const run = () => get(JobRegistry).runNow('monitoring-retention', new Date());
    expect(await run()).toMatchObject({ months: expect.any(Number), rows: expect.any(Number) });
    expect(await execute(`select to_regclass('system_logs_2026_01') as partition`)).toEqual([{ partition: null }]);
    expect(await execute(`select 1 from performance_metrics where created_at < now() - interval '31 days'`)).toEqual(
      [],
    );
    expect(await execute(`select 1 from api_usage where endpoint = '/old'`)).toEqual([]);
    expect(await run()).toEqual({ months: 0, rows: 0 });
    bench.server.wallClock.advance(400 * DAY_MS);
    await run();
    for (const table of ['system_logs', 'performance_metrics', 'api_usage'])
      expect(await execute(`select count(*)::integer as rows from ${table}`)).toEqual([{ rows: 0 }]);
  });
});
