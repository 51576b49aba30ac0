import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { JobFailureService } from '../../src/jobs/job-failure.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

describe('the jobs of an operator', () => {
  let server: TestApp;
  let admin: string;
  let support: string;
  let user: string;
  let failures: JobFailureService;
  let isBroken = false;

  beforeAll(async () => {
    server = await startTestApp({ beforeInit: register });
    failures = server.app.get(JobFailureService);
    const token = (email: string, role: 'admin' | 'support' | 'user') =>
      issueToken(server.app, { email, scopes: ['admin'], role });
    admin = await token('admin@example.com', 'admin');
    support = await token('support@example.com', 'support');
    user = await token('user@example.com', 'user');
  });
  afterAll(() => server.close());

  function register(app: NestFastifyApplication): void {
    app.get(JobRegistry).register({
      name: 'fragile',
      cron: '17 3 * * *',
      run: () => (isBroken ? Promise.reject(new Error('no bread')) : Promise.resolve({ eaten: 2 })),
    });
    app.get(JobFailureService).onRetry('fragile', ({ entityId, payload }) => {
      if (isBroken) return Promise.reject(new Error(`still no bread for ${entityId} of ${JSON.stringify(payload)}`));
      return Promise.resolve();
    });
  }

  async function call(method: 'GET' | 'POST', path: string, token: string, body?: object): Promise<Answer> {
    const response = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }

  async function auditLines(query: string): Promise<object[]> {
    return (await call('GET', `/admin/audit-trail?${query}`, admin)).body['data'] as object[];
  }

  async function openFailure(entityId: string, job = 'fragile'): Promise<string> {
    await failures.record({ job, entity: 'loaf', entityId, payload: { slice: 1 }, reason: 'no bread' }, new Date());
    const { body } = await call('GET', `/admin/job-failures?state=open&job=${job}`, admin);
    return (body['data'] as { id: string; entityId: string }[]).find((row) => row.entityId === entityId)!.id;
  }

  it('are listed with their schedule, last run and next', async () => {
    isBroken = false;
    await call('POST', '/admin/jobs/fragile/run', admin);
    const { status, body } = await call('GET', '/admin/jobs', support);
    expect(status).toBe(200);
    const jobs = body['data'] as { name: string; nextRunAt: string }[];
    expect(jobs.map((job) => job.name)).toContain('sweep-expired-holds');
    const fragile = jobs.find((job) => job.name === 'fragile')!;
    expect(fragile).toMatchObject({
      cron: '17 3 * * *',
      lastRun: { outcome: 'completed', summary: { eaten: 2 }, reason: null },
    });
    expect(fragile.nextRunAt).toMatch(/T03:17:00\.000Z$/);
    expect(new Date(fragile.nextRunAt).getTime()).toBeGreaterThan(Date.now());
  });

  it('run on demand and answer with what they did', async () => {
    isBroken = false;
    const { status, body } = await call('POST', '/admin/jobs/sweep-expired-holds/run', admin);
    expect(status).toBe(200);
    expect(body).toMatchObject({ job: 'sweep-expired-holds', summary: { expired: 0 } });
  });

  it('tell why they failed', async () => {
    isBroken = true;
    const { status, body } = await call('POST', '/admin/jobs/fragile/run', admin);
    expect(status).toBe(500);
    expect(body).toMatchObject({ code: 'job_run_failed', reason: 'no bread' });
    const jobs = (await call('GET', '/admin/jobs', admin)).body['data'] as { name: string }[];
    expect(jobs.find((job) => job.name === 'fragile')).toMatchObject({
      lastRun: { outcome: 'failed', reason: 'no bread' },
    });
  });

  it('are in the audit trail: who ran which, why, and what came of it', async () => {
    isBroken = false;
    await call('POST', '/admin/jobs/fragile/run', admin, { reason: 'hungry' });
    isBroken = true;
    await call('POST', '/admin/jobs/fragile/run', admin);
    const actorId = await ensureUser(server.app, { email: 'admin@example.com' });
    const line = { action: 'job.run', entityId: 'fragile', actorId, requestId: expect.any(String) };
    expect(await auditLines('entity=job&entityId=fragile&limit=2')).toMatchObject([
      {
        ...line,
        before: { outcome: 'completed', summary: { eaten: 2 } },
        after: { outcome: 'failed', reason: 'no bread' },
        reason: null,
      },
      { ...line, after: { outcome: 'completed', summary: { eaten: 2 } }, reason: 'hungry' },
    ]);
    expect(await auditLines('action=admin.request')).toEqual([]);
    expect((await call('POST', '/admin/jobs/fragile/run', admin, { reason: '' })).status).toBe(400);
  });

  it('name those that exist when asked for another', async () => {
    const { status, body } = await call('POST', '/admin/jobs/nothing/run', admin);
    expect(status).toBe(404);
    expect(body).toMatchObject({
      code: 'job_not_found',
      jobs: expect.arrayContaining(['fragile', 'sweep-expired-holds']),
    });
  });

  it('are run by admins only, and read by operators only', async () => {
    expect((await call('POST', '/admin/jobs/fragile/run', support)).status).toBe(403);
    expect((await call('GET', '/admin/jobs', user)).status).toBe(403);
    expect((await call('GET', '/admin/job-failures', user)).status).toBe(403);
  });

  it('have failures that are listed newest first, filtered, page by page', async () => {
    for (const loaf of ['a', 'b', 'c']) await openFailure(`page-${loaf}`, 'paging');
    const first = await call('GET', '/admin/job-failures?job=paging&limit=2', support);
    expect((first.body['data'] as { entityId: string }[]).map((row) => row.entityId)).toEqual(['page-c', 'page-b']);
    const second = await call(
      'GET',
      `/admin/job-failures?job=paging&limit=2&cursor=${String(first.body['nextCursor'])}`,
      support,
    );
    expect(second.body).toMatchObject({ data: [{ entityId: 'page-a', state: 'open' }], nextCursor: null });
    expect((await call('GET', '/admin/job-failures?job=paging&state=dismissed', admin)).body['data']).toEqual([]);
    const refused = await call('GET', '/admin/job-failures?state=lost&limit=0', admin);
    expect(refused.status).toBe(400);
    expect((refused.body['errors'] as { field: string }[]).map((error) => error.field).sort()).toEqual([
      'limit',
      'state',
    ]);
  });

  it('have failures that can be retried, by whom it is kept', async () => {
    isBroken = false;
    const id = await openFailure('retried');
    const { status, body } = await call('POST', `/admin/job-failures/${id}/retry`, admin);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id,
      state: 'retried',
      resolvedBy: await ensureUser(server.app, { email: 'admin@example.com' }),
    });
    expect(await auditLines(`entity=job_failure&entityId=${id}`)).toMatchObject([
      { action: 'job_failure.retry', before: { state: 'open' }, after: { state: 'retried', job: 'fragile' } },
    ]);
    const again = await call('POST', `/admin/job-failures/${id}/retry`, admin);
    expect(again).toMatchObject({ status: 409, body: { code: 'job_failure_resolved' } });
  });

  it('have failures that stay open when the retry fails too', async () => {
    isBroken = true;
    const id = await openFailure('stubborn');
    const { status, body } = await call('POST', `/admin/job-failures/${id}/retry`, admin);
    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'job_retry_failed', reason: 'still no bread for stubborn of {"slice":1}' });
    const open = (await call('GET', '/admin/job-failures?state=open&job=fragile', admin)).body['data'] as {
      id: string;
    }[];
    expect(open.find((row) => row.id === id)).toMatchObject({
      attempts: 2,
      reason: expect.stringMatching(/^still no bread/),
    });
  });

  it('say so where one failure cannot be retried by itself', async () => {
    const id = await openFailure('whole', 'all-at-once');
    const { status, body } = await call('POST', `/admin/job-failures/${id}/retry`, admin);
    expect(status).toBe(409);
    expect(body['detail']).toContain('POST /admin/jobs/all-at-once/run');
  });

  it('have failures that are dismissed with a reason, and not without', async () => {
    const id = await openFailure('dismissed');
    const refused = await call('POST', `/admin/job-failures/${id}/dismiss`, admin, { reason: '' });
    expect(refused.status).toBe(400);
    const { status, body } = await call('POST', `/admin/job-failures/${id}/dismiss`, admin, {
      reason: 'the user left',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'dismissed', resolution: 'the user left', reason: 'no bread' });
    expect(await auditLines(`entity=job_failure&entityId=${id}`)).toMatchObject([
      {
        action: 'job_failure.dismiss',
        before: { state: 'open' },
        after: { state: 'dismissed' },
        reason: 'the user left',
      },
    ]);
    const again = await call('POST', `/admin/job-failures/${id}/dismiss`, admin, { reason: 'twice' });
    expect(again).toMatchObject({ status: 409, body: { code: 'job_failure_resolved' } });
  });

  it.each(['0192f000-0000-7000-8000-000000000000', 'no-uuid'])('know no failure %s', async (id) => {
    const { status, body } = await call('POST', `/admin/job-failures/${id}/retry`, admin);
    expect(status).toBe(404);
    expect(body).toMatchObject({ code: 'job_failure_not_found' });
  });
});
