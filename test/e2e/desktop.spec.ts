import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import * as oauth from 'openid-client';
import { EndpointLimiter } from '../../src/auth/oauth/endpoint-limiter.js';
import { OidcEndpoint } from '../../src/auth/oauth/oidc-endpoint.js';
import { discover } from '../auth/desktop-client.js';
import { DesktopComputer } from '../support/desktop-process.js';
import type { CommandResult } from '../support/server-process.js';
import { freePort, startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';

const PERSON = { email: 'dora@example.com', password: 'correct horse battery' };
const MINUTE_MS = 60_000;
const SHORT_WAIT = ['--wait', '1'];

describe('the example desktop client', () => {
  let server: TestApp;
  let computer: DesktopComputer;
  beforeAll(async () => {
    server = await startTestApp();
    await ensureUser(server.app, PERSON);
    // These many starts of one person are more than a plan allows in a minute, or at once.
    await server.orm.em.fork().execute('update plans set requests_per_minute = 1000, concurrent_requests = 20');
  });
  afterAll(() => server.close());
  beforeEach(() => {
    computer = new DesktopComputer(server.url);
  });
  afterEach(() => computer.dispose());

  const signIn = (...args: string[]) =>
    computer.run(['--email', PERSON.email, '--password-stdin', ...args], { stdin: `${PERSON.password}\n` });
  const revoke = async (refreshToken: string) => oauth.tokenRevocation(await discover(server.url), refreshToken);
  const grantOf = (token: string) => String(decodeJwt(token)['grant_id']);
  const query = <Row>(sql: string, grantId: string) => server.orm.em.fork().execute<Row[]>(sql, [grantId]);
  const eventsOf = async (grantId: string): Promise<string[]> =>
    (
      await query<{ event: string }>('select event from auth_events where grant_id = ? order by created_at', grantId)
    ).map(({ event }) => event);
  const refreshTokensOf = async (grantId: string): Promise<number> => {
    const sql = "select 1 from oidc_artifacts where type = 'RefreshToken' and grant_id = ?";
    return (await query(sql, grantId)).length;
  };
  const expectOneSentence = ({ stdout, stderr }: CommandResult) => {
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).not.toContain('    at ');
  };

  describe('signs in and answers', () => {
    it('with the password from standard input, answer and credits apart', async () => {
      const result = await signIn('--once', 'Hello, desktop');
      expect(result).toMatchObject({ exitCode: 0, stdout: 'Hello, desktop\n' });
      expect(result.stderr).toMatch(
        /^Signed in as dora@example\.com\.\nThis took 0\.\d+ credits; \d+\.\d+ credits left\.\n$/,
      );
    });

    it('again without signing in, from a file that only its owner can read', async () => {
      await signIn();
      expect(statSync(computer.tokenFile).mode & 0o777).toBe(0o600);
      expect(statSync(join(computer.tokenFile, '..')).mode & 0o777).toBe(0o700);
      const { accessToken } = computer.kept();
      const again = await computer.run(['--once', 'And again']);
      expect(again).toMatchObject({ exitCode: 0, stdout: 'And again\n' });
      expect(again.stderr).not.toContain('Signed in');
      expect(computer.kept().accessToken).toBe(accessToken);
    });

    it('through the browser, whatever else knocks at its port', async () => {
      const result = await computer.run(['--once', 'Hello'], { visit: { ...PERSON, decision: 'allow' } });
      expect(result).toMatchObject({ exitCode: 0, stdout: 'Hello\n' });
      const sql = 'select device_name, platform, app_version from auth_grants where id = ?';
      expect(await query(sql, grantOf(computer.kept().accessToken))).toEqual([
        { device_name: expect.any(String), platform: process.platform, app_version: '0.1.0' },
      ]);
    });

    it('line by line, remembering the conversation, and goes on after a refusal', async () => {
      await signIn();
      const lines = ['One', '/model nothing', 'Two', '/model sandbox-echo', 'Three', '/credits', '/quit', 'Four'];
      const chat = await computer.run([], { stdin: `${lines.join('\n')}\n` });
      expect(chat.stdout).toBe('One\nThree\n');
      expect(chat.stderr.match(/credits left\./g)).toHaveLength(4);
      expect(chat.stderr).toContain('no model of that name');
      expect(chat.exitCode).toBe(4);
    });

    it('as somebody else when asked to, ending the sign-in that was kept', async () => {
      await signIn();
      const { refreshToken, accessToken } = computer.kept();
      const other = { email: 'eve@example.com', password: 'another long password' };
      await ensureUser(server.app, other);
      const result = await computer.run(['--email', other.email, '--password-stdin'], { stdin: other.password });
      expect(result).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('Signed in as eve@example.com.') });
      expect(await eventsOf(grantOf(accessToken))).toContain('grant_revoked');
      expect(computer.kept().refreshToken).not.toBe(refreshToken);
    });

    it('with the models that the plan may use', async () => {
      await signIn();
      const { stdout, exitCode } = await computer.run(['--models']);
      expect(exitCode).toBe(0);
      const models = stdout.split('\n');
      expect(models).toEqual(expect.arrayContaining(['sandbox-echo', 'gpt-5-mini']));
      expect(models).not.toContain('gpt-5'); // the plan is too small
      expect(models).not.toContain('sandbox-embedding'); // does not chat
    });
  });

  describe('keeps a sign-in alive', () => {
    it('refreshes an access token that has expired', async () => {
      await signIn();
      const before = computer.kept();
      computer.change({ accessExpiresAtMs: Date.now() - 1 });
      expect(await computer.run(['--once', 'Hello'])).toMatchObject({ exitCode: 0, stdout: 'Hello\n' });
      expect(computer.kept().refreshToken).not.toBe(before.refreshToken);
      expect(computer.kept().accessExpiresAtMs).toBeGreaterThan(Date.now() + 9 * MINUTE_MS);
      expect(statSync(computer.tokenFile).mode & 0o777).toBe(0o600);
    });

    it('refreshes once when many clients need it at the same moment', async () => {
      await signIn();
      const grant = grantOf(computer.kept().accessToken);
      computer.change({ accessExpiresAtMs: Date.now() - 1 });
      const results = await Promise.all(['a', 'b', 'c', 'd'].map((prompt) => computer.run(['--once', prompt])));
      expect(results.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual([
        [0, 'a\n'],
        [0, 'b\n'],
        [0, 'c\n'],
        [0, 'd\n'],
      ]);
      expect(await refreshTokensOf(grant)).toBe(2);
      expect(await eventsOf(grant)).not.toContain('refresh_reuse_detected');
    });

    it('waits while another client refreshes, and goes on when that one dies', async () => {
      await signIn();
      computer.change({ accessExpiresAtMs: 0 });
      const hold = `new (require('node:sqlite').DatabaseSync)(process.argv[1]).exec('begin exclusive'); setTimeout(() => {}, 10_000); console.log('held')`;
      const holder = spawn(process.execPath, ['-e', hold, `${computer.tokenFile}.lock`]);
      await once(holder.stdout, 'data');
      let isDone = false;
      const waiting = computer.run(['--once', 'Hello']).finally(() => (isDone = true));
      await sleep(1_500);
      expect(isDone).toBe(false);
      holder.kill('SIGKILL');
      expect(await waiting).toMatchObject({ exitCode: 0, stdout: 'Hello\n' });
    });

    it('believes the server, not the clock, on what has expired', async () => {
      await signIn();
      const { accessToken, refreshToken } = computer.kept();
      computer.change({ accessToken: `${accessToken}x` });
      expect(await computer.run(['--once', 'Hello'])).toMatchObject({ exitCode: 0, stdout: 'Hello\n' });
      expect(computer.kept().refreshToken).not.toBe(refreshToken);
    });

    it.each([
      ['slow', -10 * MINUTE_MS],
      ['fast', 10 * MINUTE_MS + 40_000],
    ])('signs in, answers and refreshes with a clock that is ten minutes %s, and says so', async (side, clockMs) => {
      const first = await computer.run(['--email', PERSON.email, '--password-stdin', '--once', 'Hello'], {
        stdin: PERSON.password,
        clockMs,
      });
      expect(first).toMatchObject({ exitCode: 0, stdout: 'Hello\n' });
      expect(first.stderr).toMatch(new RegExp(`^This computer's clock is 1[01] minutes ${side}; .*\\.\n`));
      computer.change({ accessExpiresAtMs: 0 });
      const second = await computer.run(['--once', 'Hello'], { clockMs });
      expect(second).toMatchObject({ exitCode: 0, stdout: 'Hello\n' });
      // Once the clock is right, it goes on with what was kept under the wrong one.
      expect(await computer.run(['--once', 'Hello'])).toMatchObject({ exitCode: 0, stdout: 'Hello\n' });
    });

    it('signs out here and on the server', async () => {
      await signIn();
      const { accessToken } = computer.kept();
      expect(await computer.run(['--sign-out'])).toEqual({ exitCode: 0, stdout: '', stderr: 'Signed out.\n' });
      expect(computer.isSignedIn()).toBe(false);
      const me = await fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${accessToken}` } });
      expect(me.status).toBe(401);
      expect(await computer.run(['--sign-out'])).toMatchObject({
        exitCode: 0,
        stderr: expect.stringMatching(/^Nobody is signed in/),
      });
    });
  });

  describe('explains in one sentence', () => {
    it('a browser that never comes back, or cannot be started', async () => {
      const result = await computer.run(SHORT_WAIT);
      expect(result).toMatchObject({ exitCode: 3, stdout: '' });
      expect(result.stderr).toContain('The browser could not be started with /nowhere/browser');
      expect(result.stderr).toMatch(/\nThe browser did not come back within 1 seconds: start again, .* --wait\.\n$/);
      expect(result.stderr).toContain(`${server.url}/oauth2/authorize?`);
    });

    it('a consent that was denied', async () => {
      const result = await computer.run([], { visit: { ...PERSON, decision: 'deny' } });
      expect(result.exitCode).toBe(3);
      expect(result.stderr).toMatch(/\nThe sign-in was cancelled in the browser, and nothing was kept of it\.\n$/);
      expect(computer.isSignedIn()).toBe(false);
    });

    it('a wrong password', async () => {
      const result = await computer.run(['--email', PERSON.email, '--password-stdin'], { stdin: 'not the password' });
      expect(result).toEqual({ exitCode: 3, stdout: '', stderr: 'The address or the password is not right.\n' });
    });

    it('a device that was revoked, and signs in again at the next start', async () => {
      await signIn();
      await revoke(computer.kept().refreshToken);
      const result = await computer.run(['--once', 'Hello']);
      expectOneSentence(result);
      expect(result.exitCode).toBe(3);
      expect(result.stderr).toMatch(/^The sign-in of this device has ended: it was revoked/);
      expect(computer.isSignedIn()).toBe(false);
      expect(await signIn()).toMatchObject({ exitCode: 0 });
    });

    it('a file that others can read, which can still be signed out', async () => {
      await signIn();
      chmodSync(computer.tokenFile, 0o644);
      const result = await computer.run(['--once', 'Hello']);
      expectOneSentence(result);
      expect(result.exitCode).toBe(3);
      expect(result.stderr).toMatch(/^Others on this computer can read .*: end it with --sign-out .* chmod 600 /);
      expect(await computer.run(['--sign-out'])).toMatchObject({ exitCode: 0, stderr: 'Signed out.\n' });
    });

    it('a file that is damaged', async () => {
      await signIn();
      writeFileSync(computer.tokenFile, '{"email":');
      const result = await computer.run(['--once', 'Hello']);
      expectOneSentence(result);
      expect(result).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('is damaged; delete the file') });
    });

    it('a server that is away, signed in or not', async () => {
      const away = new DesktopComputer(`http://localhost:${await freePort()}`);
      const result = await away.run(['--once', 'Hello']);
      away.dispose();
      expectOneSentence(result);
      expect(result.exitCode).toBe(5);
      expect(result.stderr).toMatch(/^No Tollgate answers at http:\/\/localhost:\d+ \(ECONNREFUSED\): start it/);

      const server2 = await startTestApp({ database: server.database });
      const signedIn = new DesktopComputer(server2.url);
      await signedIn.run(['--email', PERSON.email, '--password-stdin'], { stdin: PERSON.password });
      await server2.close();
      const later = await signedIn.run(['--once', 'Hello']);
      expectOneSentence(later);
      expect(later.exitCode).toBe(5);
      const signedOut = await signedIn.run(['--sign-out']);
      expectOneSentence(signedOut);
      expect(signedOut).toMatchObject({
        exitCode: 5,
        stderr: expect.stringMatching(/^The sign-in was deleted here, but/),
      });
      expect(signedIn.isSignedIn()).toBe(false);
      signedIn.dispose();
    });

    it.each([
      [
        'serves nobody',
        '/.well-known/openid-configuration',
        /^http:\/\/localhost:\d+ answered with status 429; try again\.\n$/,
      ],
      [
        'renews nothing',
        '/oauth2/token',
        /^The server does not renew the sign-in now \(Too many requests.*\): try again later\.\n$/,
      ],
    ])('a server that %s at the moment, and keeps the sign-in', async (_name, path, sentence) => {
      await signIn();
      computer.change({ accessExpiresAtMs: Date.now() - 1 });
      const endpoint = server.app.get(OidcEndpoint);
      const take = endpoint.take.bind(endpoint);
      const limiter = server.app.get(EndpointLimiter);
      const waitSeconds = limiter.waitSeconds.bind(limiter);
      endpoint.take = (request, reply) => {
        limiter.waitSeconds = () => (request.url === path ? 30 : 0);
        return take(request, reply);
      };
      const result = await computer.run(['--once', 'Hello']).finally(() => {
        Object.assign(endpoint, { take });
        Object.assign(limiter, { waitSeconds });
      });
      expectOneSentence(result);
      expect(result).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(sentence) });
      expect(await computer.run(['--once', 'Hello'])).toMatchObject({ exitCode: 0, stdout: 'Hello\n' });
    });

    it('a server that has another name', async () => {
      const result = await computer.run(['--server', server.url.replace('localhost', '127.0.0.1')]);
      expectOneSentence(result);
      expect(result).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`: use --server ${server.url}.`) });
    });

    it.each([
      [
        'too few credits',
        ['--set', 'max_tokens=16384', '--set', 'n=8'],
        /^This may cost up to 131\.\d+ credits and you have \d+\.?\d*: ask for a shorter answer with --set max_tokens=\d+\.\n$/,
      ],
      [
        'every parameter that breaks a rule',
        ['--set', 'temperature=3', '--set', 'top_p=2'],
        /^The model sandbox-echo does not take temperature 3 \(.*\) and top_p 2 \(.*\)\.\n$/,
      ],
      ['a model that there is not', ['--model', 'gpt-0'], /--models lists those that you may use\.\n$/],
      ['a plan that is too small', ['--model', 'gpt-5'], / needs the plan \w+; yours is free\. Change plans, .*\n$/],
    ])('%s', async (_name, args, sentence) => {
      await signIn();
      const result = await computer.run(['--once', 'Hello', ...args]);
      expectOneSentence(result);
      expect(result.exitCode).toBe(4);
      expect(result.stderr).toMatch(sentence);
    });

    it('an answer that breaks off, with what had come and what it took', async () => {
      await signIn();
      const result = await computer.run(['--model', 'sandbox-drop-mid-stream', '--once', 'A question of some length']);
      expect(result).toMatchObject({ exitCode: 5, stdout: expect.stringMatching(/^A question.*\n$/) });
      expect(result.stderr).toMatch(/^The provider failed.* What came was charged: 0\.\d+ credits\.\n$/);
    });

    it('options that make no sense', async () => {
      const cases: [string[], string][] = [
        [['--no-such-thing'], "Unknown option '--no-such-thing'"],
        [['--email', 'dora@example.com'], '--email and --password-stdin only work together.'],
        [['--server', 'http://llm.example.com'], 'has to begin with https://'],
        [['--server', 'nonsense'], 'is no address'],
        [['--set', 'temperature'], 'not of the form name=value'],
        [['--wait', 'long'], 'is no number of seconds'],
        [['--once', ' '], '--once needs a prompt'],
      ];
      for (const [args, sentence] of cases) {
        const result = await computer.run(args);
        expectOneSentence(result);
        expect(result).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(sentence) });
      }
    });

    it('with the stack only when asked for it', async () => {
      const result = await computer.run(['--email', PERSON.email, '--password-stdin'], {
        stdin: 'not the password',
        env: { DEBUG: '1' },
      });
      expect(result.stderr).toMatch(/^The address or the password is not right\.\n.*\n {4}at /);
    });
  });

  it('lists its options with --help', async () => {
    const { exitCode, stdout } = await computer.run(['--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Usage: npm run desktop -- /);
  });

  it('imports nothing of the server', () => {
    const folder = join(import.meta.dirname, '..', '..', '..', 'examples', 'desktop');
    const imports = readdirSync(folder).flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/from '([^']+)'/g)].map((match) => match[1]!),
    );
    expect(imports.length).toBeGreaterThan(20);
    expect(imports.filter((name) => !/^(node:|openai\b|openid-client$|\.\/)/.test(name))).toEqual([]);
  });
});
