import { LoginThrottle } from '../../src/auth/identity/login-throttle.service.js';
import { OidcArtifactRepository } from '../../src/auth/oauth/oidc-artifact.repository.js';
import { newId } from '../../src/common/ids.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('the tables of the sign-in', () => {
  let server: TestApp;
  let userId: string;
  beforeAll(async () => {
    server = await startTestApp();
    userId = await ensureUser(server.app, { email: 'cleo@example.com' });
  });
  afterAll(() => server.close());

  const run = (job: string) => server.app.get(JobRegistry).runNow(job, new Date());
  const count = async (sql: string) => {
    const rows = await server.orm.em.fork().execute<{ n: number }[]>(`select count(*)::int as n from ${sql}`);
    return rows[0]?.n;
  };
  const after = async <T>(ms: number, work: () => Promise<T>): Promise<T> => {
    server.wallClock.advance(ms);
    try {
      return await work();
    } finally {
      server.wallClock.advance(-ms);
    }
  };
  const lagOf = async (table: string) => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(new RegExp(`tollgate_expired_rows_lag_seconds\\{table="${table}"\\} (\\S+)`).exec(text)?.[1]);
  };

  it('lose what has expired for an hour, however much it is, and nothing earlier', async () => {
    const artifacts = server.app.get(OidcArtifactRepository);
    await artifacts.upsert('RefreshToken', 'used-but-not-expired', { jti: 'x' }, 7_200);
    await artifacts.consume('RefreshToken', 'used-but-not-expired');
    await server.orm.em.fork().execute(
      `insert into oidc_artifacts (type, id_hash, payload, expires_at)
       select 'Interaction', decode(md5(i::text), 'hex'), '{}', now() + interval '10 minutes' from generate_series(1, 2500) i`,
    );
    await server.app.get(LoginThrottle).admit({ email: 'x@example.com', ip: '198.51.100.9' });
    await server.orm.em.fork().execute(
      `insert into email_tokens (hash, purpose, user_id, email, expires_at)
       values (decode('00', 'hex'), 'verify_email', ?, 'x@example.com', now() + interval '10 minutes')`,
      [userId],
    );
    await after(HOUR, () => run('clean-up-sign-ins'));
    expect(await count('oidc_artifacts')).toBe(2_501);
    const lag = await after(HOUR + 12 * MINUTE, () => lagOf('oidc_artifacts'));
    expect(Math.abs(lag - 120)).toBeLessThan(30);
    const summary = await after(HOUR + 12 * MINUTE, () => run('clean-up-sign-ins'));
    expect(summary).toEqual({ oidc_artifacts: 2_500, email_tokens: 1, login_throttle: 0 });
    expect(await count('oidc_artifacts')).toBe(1);
    expect(await after(HOUR + 12 * MINUTE, () => lagOf('oidc_artifacts'))).toBe(0);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain(
      'tollgate_expired_rows_deleted_total{table="oidc_artifacts"} 2500',
    );
    // Removed once: the time that fifty guesses take to be forgotten. All of them were free again after two hours.
    expect(await after(12 * HOUR, () => run('clean-up-sign-ins'))).toMatchObject({ login_throttle: 0 });
    expect(await after(13 * HOUR + MINUTE, () => run('clean-up-sign-ins'))).toMatchObject({ login_throttle: 3 });
  });

  it('lose devices and keys that ended three months ago, and events after a year, which may not be touched before', async () => {
    const token = await issueToken(server.app, { email: 'cleo@example.com', scopes: ['user.info'] });
    expect(token).toBeTruthy();
    const grants = await count('auth_grants');
    const events = (await count('auth_events')) ?? 0;
    expect(grants).toBeGreaterThan(0);
    await after(89 * DAY, () => run('clean-up-sign-in-history'));
    expect([await count('auth_grants'), await count('auth_events')]).toEqual([grants, events]);
    const em = server.orm.em.fork();
    const old = (days: number) =>
      em.execute(`insert into auth_events (id, event, created_at) values (?, 'sign_in', now() - ?::interval)`, [
        newId(),
        `${days} days`,
      ]);
    const key = (days: number, column: string) =>
      em.execute(
        `insert into api_keys (id, user_id, name, prefix, hash, scopes, ${column})
         values (?, ?, 'old', 'tg_oldold', sha256(?::bytea), '{}', now() - ?::interval)`,
        [newId(), userId, `${column}${days}`, `${days} days`],
      );
    for (const column of ['revoked_at', 'expires_at']) {
      await key(89, column);
      await key(91, column);
    }
    await old(364);
    await old(367);
    await expect(em.execute(`update auth_events set event = event`)).rejects.toThrow('append-only');
    await expect(em.execute(`delete from auth_events`)).rejects.toThrow('append-only');
    await expect(em.execute(`truncate auth_events`)).rejects.toThrow('append-only');
    expect(await run('clean-up-sign-in-history')).toEqual({ auth_grants: 0, api_keys: 2, auth_events: 1 });
    expect(await count('api_keys')).toBe(2);
    expect(await count('auth_events')).toBe(events + 1);
    await em.execute(`update auth_grants set expires_at = now() - interval '91 days'`);
    expect(await run('clean-up-sign-in-history')).toEqual({
      auth_grants: grants,
      api_keys: 0,
      auth_events: 0,
    });
  });
});

describe('the record of sign-ins', () => {
  let server: TestApp;
  let operator: string;
  let userId: string;
  beforeAll(async () => {
    server = await startTestApp();
    operator = await issueToken(server.app, { email: 'root@example.com', scopes: ['admin'], role: 'admin' });
    for (let index = 0; index < 5; index += 1)
      await issueToken(server.app, { email: 'ann@example.com', scopes: ['user.info'] });
    userId = await ensureUser(server.app, { email: 'ann@example.com' });
  });
  afterAll(() => server.close());

  interface Page {
    data: { id: string; event: string; userId: string; createdAt: string }[];
    nextCursor: string | null;
  }
  const events = async (query: string, token = operator) => {
    const response = await fetch(`${server.url}/admin/auth-events${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, body: (await response.json()) as Page };
  };

  it('is read by operators, newest first, page by page, by what they ask for', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body }: { body: Page } = await events(`?userId=${userId}&limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.data.map(({ id }) => id));
      cursor = body.nextCursor;
    }
    expect(seen).toHaveLength(5);
    expect(seen).toEqual(seen.toSorted((a, b) => b.localeCompare(a)));
    const found = async (query: string) => (await events(query)).body.data.length;
    expect(await found(`?userId=${userId}&event=cli_token_issued&clientId=tollgate-cli`)).toBe(5);
    expect(await found('?event=refresh_reuse_detected')).toBe(0);
    expect(await found('?ip=203.0.113.1')).toBe(0);
    const soon = new Date(Date.now() + MINUTE).toISOString();
    expect([await found(`?userId=${userId}&from=${soon}`), await found(`?userId=${userId}&to=${soon}`)]).toEqual([
      0, 5,
    ]);
    const support = await issueToken(server.app, { email: 'sue@example.com', scopes: ['admin'], role: 'support' });
    expect((await events('', support)).status).toBe(200);
  });

  it.each([
    '?userId=x',
    '?event=anything',
    '?ip=here',
    '?from=yesterday',
    '?sort=ip',
    '?details[x]=1',
    `?clientId=${'x'.repeat(200)}`,
  ])('says what is wrong with %s', async (query) => {
    const { status, body } = await events(query);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'invalid_request' });
  });
});
