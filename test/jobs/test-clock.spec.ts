import * as client from 'openid-client';
import { Clock } from '../../src/common/clock.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { Browser } from '../auth/browser.js';
import { discover, signIn } from '../auth/desktop-client.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';
import { ensureUser, issueToken } from '../support/tokens.js';
import { until } from '../support/until.js';

const DAY_MS = 24 * 3_600_000;
const CHAT = { model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }] };

interface ClockAnswer {
  now: string;
  realNow: string;
  offsetMs: number;
  jobs?: Record<string, Record<string, number>>;
}
interface Problem {
  code: string;
  detail: string;
  errors?: { field: string }[];
}

describe('the test clock', () => {
  let database: TestDatabase;
  let first: TestApp;
  let second: TestApp;
  let admin: string;
  const ranAt: Date[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    first = await startTestApp({
      database,
      beforeInit: (app) =>
        app.get(JobRegistry).register({
          name: 'note-the-time',
          cron: '* * * * *',
          run: (now) => Promise.resolve({ noted: ranAt.push(now) }),
        }),
    });
    second = await startTestApp({ database, publicUrl: first.url });
    admin = await issueToken(first.app, { email: 'admin@example.com', scopes: ['admin'], role: 'admin' });
  });
  beforeEach(() => (ranAt.length = 0));
  afterAll(async () => {
    await second.close();
    await first.close();
    await database.drop();
  });

  const request = (server: TestApp, path: string, token: string, body?: object) =>
    fetch(server.url + path, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  const read = async (server: TestApp) => (await (await request(server, '/admin/clock', admin)).json()) as ClockAnswer;

  async function move(server: TestApp, body: object): Promise<ClockAnswer> {
    const response = await request(server, '/admin/clock', admin, body);
    const answer = (await response.json()) as ClockAnswer;
    if (response.status !== 200) throw new Error(JSON.stringify(answer));
    return answer;
  }

  async function refusal(body: object, server = first): Promise<Problem & { status: number }> {
    const response = await request(server, '/admin/clock', admin, body);
    return { status: response.status, ...((await response.json()) as Problem) };
  }

  async function untilFollowed(server: TestApp, offsetMs: number): Promise<void> {
    await until(() => server.app.get(Clock).offsetMs === offsetMs);
  }

  const auditLines = () =>
    first.orm.em
      .getConnection()
      .execute<{ action: string; email: string; reason: string | null }[]>(
        `select a.action, a.reason, u.email from audit_trail a join users u on u.id = a.actor_id where a.entity = 'test_clock' order by a.id`,
      );

  it('stands at real time until it is moved', async () => {
    const { offsetMs, now, realNow } = await read(first);
    expect(offsetMs).toBe(0);
    expect(now).toBe(realNow);
  });

  // Removed once: the notification after a move. The second replica then stays behind.
  it('moved on one replica moves on the other, in both directions', async () => {
    const before = await read(first);
    const moved = await move(first, { advance: 'P40D' });
    expect(moved.offsetMs).toBe(before.offsetMs + 40 * DAY_MS);
    await untilFollowed(second, moved.offsetMs);

    const target = new Date(new Date(moved.now).getTime() + 50 * DAY_MS);
    const { now, offsetMs } = await move(second, { now: target.toISOString() });
    expect(Math.abs(new Date(now).getTime() - target.getTime())).toBeLessThan(5_000);
    await untilFollowed(first, offsetMs);
  });

  // Removed once: the lock of the row. Two moves at once then count as one.
  it('adds up moves that are made at once on both replicas', async () => {
    const before = await read(first);
    await untilFollowed(second, before.offsetMs);
    const moves = Array.from({ length: 8 }, (_, index) => move(index % 2 === 0 ? first : second, { advance: 'P1D' }));
    await Promise.all(moves);
    for (const server of [first, second]) await untilFollowed(server, before.offsetMs + 8 * DAY_MS);
    expect((await read(first)).offsetMs).toBe(before.offsetMs + 8 * DAY_MS);
  });

  it('lets every job run at the new time and tells what each did', async () => {
    const { now, jobs } = await move(first, { advance: 'P1M' });
    expect(jobs).toMatchObject({ 'note-the-time': { noted: 1 }, 'sweep-expired-holds': { expired: 0 } });
    expect(ranAt.map((at) => at.toISOString())).toEqual([now]);
  });

  /** Removed once: the months that are made before the move is written down, which then lay where no month could be made. */
  it('has the months of where it goes', async () => {
    await move(first, { advance: 'P3Y' });
    const { jobs } = await move(first, { advance: 'P1D' });
    expect(jobs?.['partitions']).toEqual({ made: 0, failed: 0 });
  });

  // Removed once: WallClock in the access tokens and in the artifacts, each by itself.
  it('signs nobody out, however far it goes', async () => {
    const person = { email: 'dora@example.com', password: 'correct horse battery' };
    await ensureUser(first.app, person);
    const configuration = await discover(first.url);
    const tokens = await signIn(configuration, new Browser(first.url), person);
    const browserBefore = new Browser(first.url);
    await signIn(configuration, browserBefore, person);

    const { offsetMs } = await move(first, { advance: 'P400D' });
    await untilFollowed(second, offsetMs);

    for (const server of [first, second]) {
      expect((await request(server, '/v1/me', tokens.access_token)).status).toBe(200);
      expect((await request(server, '/v1/me/credits', tokens.access_token)).status).toBe(200);
      const chat = await request(server, '/v1/chat/completions', tokens.access_token, CHAT);
      expect({ status: chat.status, body: chat.status === 200 ? '' : await chat.text() }).toEqual({
        status: 200,
        body: '',
      });
    }
    const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token!);
    expect((await request(second, '/v1/me', refreshed.access_token)).status).toBe(200);
    // The session of the browser and the throttle of sign-ins go on, too.
    const again = await signIn(configuration, browserBefore, person);
    expect((await request(first, '/v1/me', again.access_token)).status).toBe(200);
  });

  it('is where it was after a restart', async () => {
    const { offsetMs } = await move(first, { advance: 'P400D' });
    const restarted = await startTestApp({ database, publicUrl: first.url });
    try {
      expect((await read(restarted)).offsetMs).toBe(offsetMs);
    } finally {
      await restarted.close();
    }
  });

  it('cannot go back: the answer names both times', async () => {
    const { now } = await move(first, { advance: 'P10D' });
    const refused = await refusal({ now: '2026-01-01T00:00:00Z' });
    expect(refused).toMatchObject({ status: 422, code: 'clock_moves_forward_only' });
    expect(refused.detail).toContain('2026-01-01T00:00:00.000Z is before the test time');
    expect(refused.detail).toContain(now.slice(0, 16));
    await expect(
      first.orm.em.getConnection().execute('update test_clock set offset_ms = offset_ms - 1'),
    ).rejects.toThrow('only moves forward');
    await expect(
      first.orm.em.getConnection().execute('insert into test_clock (is_only) values (true)'),
    ).rejects.toThrow('duplicate');
  });

  it('goes a hundred years ahead and no further', async () => {
    const before = await read(first);
    expect(await refusal({ advance: 'P101Y' })).toMatchObject({ status: 422, code: 'clock_too_far' });
    expect(await refusal({ now: '9999-01-01T00:00:00Z' })).toMatchObject({ status: 422, code: 'clock_too_far' });
    expect(await refusal({ advance: 'P999999Y' })).toMatchObject({ status: 422, code: 'clock_too_far' });
    expect((await read(first)).offsetMs).toBe(before.offsetMs);
  });

  it.each([
    [{}, 'now'],
    [{ now: '2030-01-01T00:00:00Z', advance: 'P1D' }, 'now'],
    [{ now: '2030-02-30T00:00:00Z' }, 'now'],
    [{ now: 'tomorrow' }, 'now'],
    [{ advance: '1 month' }, 'advance'],
    [{ advance: '-P1D' }, 'advance'],
    [{ advance: 5 }, 'advance'],
    [{ back: 'P1D' }, 'back'],
  ])('is not moved by %j', async (body, field) => {
    const refused = await refusal(body);
    expect(refused.status).toBe(400);
    expect(refused.errors?.map((error) => error.field)).toContain(field);
  });

  it('is for admins only, and every move is in the audit trail', async () => {
    const support = await issueToken(first.app, { email: 'support@example.com', scopes: ['admin'], role: 'support' });
    expect((await request(first, '/admin/clock', support)).status).toBe(403);
    expect((await request(first, '/admin/clock', support, { advance: 'P1D' })).status).toBe(403);
    const earlier = await auditLines();
    await move(first, { advance: 'P1D', reason: 'a day later' });
    const lines = (await auditLines()).slice(earlier.length);
    expect(lines).toEqual([{ action: 'clock.move', email: 'admin@example.com', reason: 'a day later' }]);
  });

  // Removed once: the look at the sandbox in `load`. Production then runs on the moved time.
  it('is neither there nor heeded without the sandbox', async () => {
    await move(first, { advance: 'P400D' });
    const production = await startTestApp({ database, publicUrl: first.url, env: { SANDBOX: '0' } });
    try {
      expect(production.app.get(Clock).offsetMs).toBe(0);
      for (const body of [undefined, { advance: 'P1D' }]) {
        const response = await request(production, '/admin/clock', admin, body);
        expect(response.status).toBe(404);
      }
    } finally {
      await production.close();
    }
  });
});
