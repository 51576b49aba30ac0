import { Readable } from 'node:stream';
import { AdminConsole } from '../models/admin-console.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { readProviderFile } from '../../src/usage/imports/provider-file.js';
import { ensureUser } from '../support/tokens.js';
import { addLedgerRows } from './ledger-rows.js';

interface Result {
  status: number;
  body: Record<string, unknown> & { errors?: { field: string; message: string }[]; data?: Record<string, unknown>[] };
}

const HEADER = 'day,model,requests,input_tokens,output_tokens,cost_usd';
const DAY_ONE = '2026-05-10,sandbox-echo,2,200,20,0.002';

describe('a provider’s own usage file', () => {
  let admin: AdminConsole;
  let booksBefore: unknown[];

  beforeAll(async () => {
    admin = await AdminConsole.start();
    const userId = await ensureUser(admin.server.app, { email: 'user@example.com' });
    const at = (day: string) => ({
      userId,
      createdAt: new Date(`${day}T23:59:59.999Z`),
      inputTokens: 100,
      outputTokens: 10,
    });
    await addLedgerRows(admin.server.orm.em.fork(), [
      { ...at('2026-05-10'), costNusd: 1_000_000n },
      { ...at('2026-05-10'), costNusd: 1_000_000n },
      { ...at('2026-05-11'), costNusd: 1_000_000n },
      { ...at('2026-05-11'), modelId: 'sandbox-vision', costNusd: 3n },
      { ...at('2026-05-12'), costNusd: 1_000_000n },
      { ...at('2026-05-12'), provider: 'openai', costNusd: 7n },
    ]);
    booksBefore = (await admin.server.app.get(ReconciliationService).run()).checks.filter((check) => check.isBroken);
  });
  beforeEach(async () => {
    await admin.server.orm.em.fork().execute('delete from provider_usage_days');
    await admin.server.orm.em.fork().execute('delete from provider_usage_imports');
  });
  // An import writes beside the books, never into them.
  afterEach(async () => {
    const { checks } = await admin.server.app.get(ReconciliationService).run();
    expect(checks.filter((check) => check.isBroken)).toEqual(booksBefore);
  });
  afterAll(() => admin.close());

  async function send(query: string, csv: string | Buffer, who = admin, type = 'text/csv'): Promise<Result> {
    const response = await fetch(`${admin.url}/admin/imports/provider-usage?reason=test&${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${who.token}`, 'content-type': type },
      body: csv as string,
    });
    return { status: response.status, body: (await response.json()) as Result['body'] };
  }
  const take = (csv: string, more = 'provider=sandbox&shape=neutral') => send(`${more}&dryRun=false`, csv);
  const drift = async (query = '') =>
    (await admin.get(
      `/admin/imports/provider-usage/drift?provider=sandbox&from=2026-05-01&to=2026-05-31${query}`,
    )) as unknown as Result;
  const count = async (sql: string) => (await admin.server.orm.em.fork().execute<{ n: number }[]>(sql))[0]!.n;
  const stored = () => count('select count(*)::int as n from provider_usage_days');

  it('is only shown at first, with the models that nobody knows', async () => {
    const shown = await send(
      'provider=sandbox&shape=neutral',
      `${HEADER}\n${DAY_ONE}\n2026-05-12,who-is-this,1,1,1,1\n`,
    );
    expect(shown).toMatchObject({
      status: 200,
      body: {
        dryRun: true,
        importId: null,
        rows: 2,
        firstDay: '2026-05-10',
        lastDay: '2026-05-12',
        unknownModels: ['who-is-this'],
      },
    });
    expect(await stored()).toBe(0);
  });

  it('stands beside the ledger by day and model once it is taken, with an audit line of who took it', async () => {
    const csv = `${HEADER}\n${DAY_ONE}\n2026-05-11,sandbox-echo-2026-01-31,1,150,10,0.001\n`;
    const taken = await take(csv);
    expect(taken).toMatchObject({ status: 200, body: { dryRun: false, isRepeated: false } });
    const { body } = await drift();
    expect(body).toMatchObject({
      beyond: 2,
      thresholdPercent: 1,
      data: [
        // The provider does not know of it at all.
        {
          day: '2026-05-11',
          model: 'sandbox-vision',
          provider: { requests: 0, cost: { amount: '0.000000000' } },
          ledger: { requests: 1, inputTokens: 100 },
          driftPercent: { requests: null },
          isBeyond: true,
        },
        {
          day: '2026-05-11',
          model: 'sandbox-echo',
          provider: { inputTokens: 150 },
          driftPercent: { requests: 0, inputTokens: -33.33, outputTokens: 0, cost: 0 },
          isBeyond: true,
        },
        {
          day: '2026-05-10',
          model: 'sandbox-echo',
          provider: {
            requests: 2,
            inputTokens: 200,
            outputTokens: 20,
            cost: { amount: '0.002000000', currency: 'USD' },
          },
          ledger: { requests: 2, inputTokens: 200, outputTokens: 20, cost: { amount: '0.002000000', currency: 'USD' } },
          driftPercent: { requests: 0, inputTokens: 0, outputTokens: 0, cost: 0 },
          isBeyond: false,
        },
      ],
    });
    expect((await drift('&thresholdPercent=40')).body).toMatchObject({ beyond: 1 });
    const [line] = await admin.server.orm.em
      .fork()
      .execute<{ actor_id: string; reason: string; after: object }[]>(
        `select actor_id, reason, after from audit_trail where action = 'provider_usage.import' and entity_id = '${taken.body['importId'] as string}'`,
      );
    expect(line).toMatchObject({ actor_id: admin.userId, reason: 'test', after: { rows: 2, provider: 'sandbox' } });
  });

  // The lock removed once: the second of two that met failed.
  it('is taken once, also where two operators send it at once, and not brought back over a newer one', async () => {
    const csv = `${HEADER}\n${DAY_ONE}\n`;
    const both = await Promise.all([take(csv), take(csv)]);
    expect(both.filter(({ body }) => body['isRepeated'])).toHaveLength(1);
    expect(both[0].body['importId']).toBe(both[1].body['importId']);
    await take(`${HEADER}\n2026-05-10,sandbox-echo,9,900,90,9\n`);
    expect((await take(csv)).body).toMatchObject({ isRepeated: true });
    const line = (await drift()).body.data?.find(({ day }) => day === '2026-05-10');
    expect(line).toMatchObject({ provider: { requests: 9 } });
    const list = await admin.get('/admin/imports/provider-usage?limit=1');
    expect(list.body).toMatchObject({ data: [{ rows: 1, importedBy: admin.userId }], nextCursor: expect.any(String) });
  });

  it('of usage and one of costs complete each other', async () => {
    await take(
      'start_time_iso,model,num_model_requests,input_tokens,output_tokens\n2026-05-10T00:00:00Z,sandbox-echo,2.0,120,12\n2026-05-10T01:00:00Z,sandbox-echo,0,80,8\n2026-05-10T02:00:00Z,,,,\n',
      'provider=sandbox&shape=openai_usage',
    );
    await take(
      'start_time_iso,amount_value,amount_currency,line_item\n2026-05-10T00:00:00Z,0.0015,usd,"sandbox-echo, input"\n2026-05-10T00:00:00Z,5e-4,usd,"sandbox-echo, output"\n',
      'provider=sandbox&shape=openai_costs',
    );
    expect((await drift()).body).toMatchObject({
      beyond: 0,
      data: [{ provider: { requests: 2, inputTokens: 200, outputTokens: 20, cost: { amount: '0.002000000' } } }],
    });
  });

  it.each([
    ['', 'file', 'is empty'],
    [HEADER, 'file', 'has no row'],
    ['day,model\n2026-05-10,m', 'line 1', 'lacks requests'],
    [`${HEADER}\n${DAY_ONE}\n2026-05-10,m,1,-5,x,1`, 'line 3, input_tokens', 'whole number'],
    [`${HEADER}\n${DAY_ONE}\n2026-05-10,m,1`, 'line 3', 'as many cells'],
    [`${HEADER}\n"2026-05-10,m,1`, 'line', 'is not CSV'],
    [`${HEADER}\n2999-01-01,m,1,1,1,1`, 'line 2, day', 'future'],
    [`${HEADER}\n2026-05-10,m\u0000m,1,1,1,1`, 'line 2, a cell', 'NUL'],
    [`${HEADER}\n0000-01-01,m,1,1,1,1`, 'line 2, day', 'must begin with a day'],
    // What one line may say and no column takes in ten: of one model, and of two that the catalogue has as one.
    [HEADER + '\n2026-05-10,m,1,1,1,999999999'.repeat(10), 'file', 'larger together than any usage'],
    [
      HEADER + ['sandbox-echo', 'Sandbox Echo'].map((m) => `\n2026-05-10,${m},1,1,1,999999999`.repeat(5)).join(''),
      'file',
      'larger together than any usage',
    ],
  ])('is refused whole with the line at fault: %j', async (csv, field, rule) => {
    const refused = await take(`${csv}\n`.replace(/^\n$/, ''));
    expect(refused.status).toBe(400);
    expect(refused.body.errors?.[0]?.field).toContain(field);
    expect(refused.body.errors?.map(({ message }) => message).join()).toContain(rule);
    expect(await stored()).toBe(0);
  });

  it('tells many faults at once, but not all of a file that is nothing but faults', async () => {
    const rows = Array.from({ length: 5_000 }, () => '2026-05-10,m,x,1,1,1').join('\n');
    const refused = await take(`${HEADER}\n${rows}\n`);
    expect(refused.status).toBe(400);
    expect(refused.body.errors?.length).toBe(51);
  });

  it('is refused beyond 32 MiB, and everything that is no CSV', async () => {
    const large = Buffer.alloc(33 * 1_024 * 1_024, 'a');
    expect(await send('provider=sandbox&shape=neutral&dryRun=false', large)).toMatchObject({ status: 413 });
    // A sender that does not say how much will come is stopped when it is too much.
    const parts = Readable.from(Array.from({ length: 5 }, () => Buffer.from(`${HEADER}\n`)));
    await expect(readProviderFile(parts, { shape: 'neutral', today: '2026-06-01', bytesMax: 100 })).rejects.toThrow(
      'larger than this route takes: 100 bytes',
    );
    expect(await send('provider=sandbox&shape=neutral', '{}', admin, 'application/json')).toMatchObject({
      status: 415,
      body: { accepted: ['text/csv'] },
    });
    const elsewhere = await fetch(`${admin.url}/admin/budgets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'text/csv' },
      body: HEADER,
    });
    expect(elsewhere.status).toBe(415);
    expect(await stored()).toBe(0);
  });

  it('names a provider and a shape, and is for administrators', async () => {
    for (const query of ['provider=nobody&shape=neutral', 'provider=sandbox&shape=excel', 'shape=neutral'])
      expect((await send(query, `${HEADER}\n`)).status).toBe(400);
    for (const query of ['&from=2026-05-32', '&from=2026-01-01', '&to=2026-04-01', '&thresholdPercent=-1'])
      expect((await drift(query)).status).toBe(400);
    const support = await admin.as('support');
    expect((await send('provider=sandbox&shape=neutral', `${HEADER}\n${DAY_ONE}\n`, support)).status).toBe(403);
    expect((await support.get('/admin/imports/provider-usage')).status).toBe(200);
  });
});
