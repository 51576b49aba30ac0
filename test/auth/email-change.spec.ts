import { seedOAuthClients } from '../../seeders/clients.seeder.js';
import { deliverMails, linkIn, Mailbox } from '../support/mailbox.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';
import { openAccount } from './account-browser.js';
import { Browser } from './browser.js';

const OLD = 'seven old umbrellas';
const NEW = 'seven new umbrellas';

describe('a new address', () => {
  let server: TestApp;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await Mailbox.open();
    server = await startTestApp({ env: { SMTP_URL: mailbox.url } });
    await seedOAuthClients(server.orm.em.fork(), server.url);
  });
  afterAll(async () => {
    await server.close();
    await mailbox.close();
  });

  const tokenTo = async (email: string): Promise<string> => {
    await deliverMails(server.app);
    return new URL(linkIn(mailbox.lastTo(email), server.url), server.url).searchParams.get('token') ?? '';
  };
  /** Asks for it on the pages of the account. */
  async function askFor(next: string, email: string): Promise<{ browser: Browser; token: string }> {
    await ensureUser(server.app, { email, password: OLD });
    const browser = new Browser(server.url);
    await openAccount(browser, { email, password: OLD }, undefined, '/account/email');
    expect((await browser.postJson('/account/email', { email: next })).status).toBe(200);
    return { browser, token: await tokenTo(next) };
  }
  const open = (token: string) => new Browser(server.url).postJson('/change-email', { token });
  const addressOf = async (id: string) =>
    (await server.orm.em.fork().execute<{ email: string }[]>('select email from users where id = ?', [id]))[0]?.email;

  it('is the account’s once its link is opened, and the old one is told before', async () => {
    const id = await ensureUser(server.app, { email: 'before@example.com', password: OLD });
    const { token } = await askFor('after@example.com', 'before@example.com');
    expect(mailbox.lastTo('before@example.com').text).toContain('change your password at once');
    expect(await addressOf(id)).toBe('before@example.com');
    expect((await open(token)).status).toBe(200);
    expect(await addressOf(id)).toBe('after@example.com');
    expect((await open(token)).status).toBe(400);
  });

  // Removed once: the look at what the index refused; the second was answered 500.
  it('is one account’s when two open their links at the same moment', async () => {
    for (let round = 0; round < 5; round += 1) {
      const next = `wanted-${round}@example.com`;
      const tokens = [
        (await askFor(next, `one-${round}@example.com`)).token,
        (await askFor(next, `other-${round}@example.com`)).token,
      ];
      const answers = await Promise.all(tokens.map(open));
      expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', '400']);
    }
  });

  /** What the mail to the old address advises; removed once: the end of the links in each. */
  it.each<[string, (person: { email: string; password: string }) => Promise<unknown>]>([
    [
      'chooses another password by a mail',
      async ({ email }) => {
        await new Browser(server.url).postJson('/forgot-password', { email });
        return new Browser(server.url).postJson('/reset-password', { token: await tokenTo(email), password: NEW });
      },
    ],
    [
      'changes the password',
      async (person) => {
        const browser = new Browser(server.url);
        await openAccount(browser, person);
        return browser.postJson('/account/password', { current: OLD, password: NEW });
      },
    ],
    [
      'signs out everywhere else',
      async ({ email }) => {
        const token = await issueToken(server.app, { email, scopes: ['user.info'] });
        const authorization = `Bearer ${token}`;
        return fetch(`${server.url}/v1/me/sessions`, { method: 'DELETE', headers: { authorization } });
      },
    ],
  ])('that a thief asked for is not, when the owner %s', async (how, defend) => {
    const email = `${how.length}@example.com`;
    const id = await ensureUser(server.app, { email, password: OLD });
    const { token } = await askFor(`thief-${how.length}@example.com`, email);
    expect(await defend({ email, password: OLD })).toMatchObject({ status: 200 });
    expect((await open(token)).status).toBe(400);
    expect(await addressOf(id)).toBe(email);
  });
});
