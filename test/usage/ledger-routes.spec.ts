import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { OverloadedError } from '../../src/common/errors/common.errors.js';
import { AdminConsole } from '../models/admin-console.js';
import { ensureUser } from '../support/tokens.js';
import { UsageLedgerService } from '../../src/usage/ledger/usage-ledger.service.js';
import { ledgerPage } from '../../src/usage/ledger/ledger.queries.js';
import { addLedgerRows } from './ledger-rows.js';

const AT = new Date('2026-05-10T12:00:00Z');
const RANGE = 'from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z';

interface Line {
  id: string;
  createdAt: string;
  userId: string;
  model: string;
  credits: string;
}

describe('the ledger as operators read it', () => {
  let admin: AdminConsole;
  let [first, second] = ['', ''];
  beforeAll(async () => {
    admin = await AdminConsole.start();
    first = await ensureUser(admin.server.app, { email: 'first@example.com' });
    second = await ensureUser(admin.server.app, { email: 'second@example.com' });
    const rows = Array.from({ length: 30 }, (_, index) => ({
      userId: index % 3 === 0 ? second : first,
      modelId: ['sandbox-echo', 'sandbox-vision', 'sandbox-free'][index % 3]!,
      provider: index === 7 ? '=HYPERLINK("http://evil")' : 'sandbox',
      // Some at the very same moment: only the id tells them apart.
      createdAt: new Date(AT.getTime() - Math.floor(index / 4) * 60_000),
      creditsUcr: BigInt(index + 1) * 1_000n,
    }));
    await addLedgerRows(admin.server.orm.em.fork(), rows);
  });
  afterAll(() => admin.close());

  async function pages(query: string, limit = 7): Promise<Line[]> {
    const lines: Line[] = [];
    for (let cursor = ''; ;) {
      const { status, body } = await admin.get(`/admin/usage/ledger?${RANGE}&${query}&limit=${limit}${cursor}`);
      expect(status).toBe(200);
      lines.push(...(body['data'] as Line[]));
      if (body['nextCursor'] === null) return lines;
      cursor = `&cursor=${body['nextCursor'] as string}`;
    }
  }

  it('in pages, newest first, each row once', async () => {
    const lines = await pages('');
    expect(new Set(lines.map(({ id }) => id)).size).toBe(30);
    const keys = lines.map(({ createdAt, id }) => createdAt + id);
    expect(keys).toEqual(keys.toSorted().toReversed());
  });

  it.each([
    ['model=sandbox-free', 10],
    ['userId=:second', 10],
    ['userId=:second&model=sandbox-free', 0],
    ['provider=sandbox', 29],
    ['operation=embedding', 0],
    ['outcome=completed', 30],
    [`model=${encodeURIComponent("x' or '1'='1")}`, 0],
    [`provider=${encodeURIComponent("sandbox'; drop table users; --")}`, 0],
  ])('by %s', async (query, count) => {
    expect(await pages(query.replace(':second', second))).toHaveLength(count);
  });

  it.each([
    'sort=credits',
    'foo=1',
    'userId=1',
    'operation=all',
    'outcome=completed&outcome=timeout',
    'model[]=a',
    'limit=201',
    'cursor=eA',
    `cursor=${Buffer.from("2026-05-10T12:00:00.000000Z/x' or 1=1").toString('base64url')}`,
    'from=2020-01-01T00:00:00Z',
    'from=yesterday',
  ])('refuses %s and names the field', async (query) => {
    const { status, body } = await admin.get(`/admin/usage/ledger?${query}`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'invalid_request', errors: [{ field: query.split('=')[0]! }] });
  });

  it('is for operators, who may all read', async () => {
    expect((await (await admin.as('support')).get(`/admin/usage/ledger?${RANGE}`)).status).toBe(200);
    expect((await (await admin.as('user')).get(`/admin/usage/ledger?${RANGE}`)).status).toBe(403);
    expect((await (await admin.as('user')).get('/admin/usage/export')).status).toBe(403);
  });

  // The page of one user comes by the primary key, that of all by the index of each model, and other months are not looked at.
  it.each([
    ['one user', true, /Index Scan( Backward)? using token_usage_ledger_2026_05_pkey/],
    ['all users', false, /Index Scan( Backward)? using token_usage_ledger_2026_05_model_id_created_at_idx/],
  ])('reads a page of %s by its index, in its months alone', async (_name, isOfUser, index) => {
    const filter = { from: new Date('2026-05-01'), to: new Date('2026-06-01'), userId: isOfUser ? first : undefined };
    const { sql, parameters } = ledgerPage(filter, { after: null, limit: 51 });
    const values = parameters.map((value) =>
      value instanceof Date ? `'${value.toISOString()}'` : `'${String(value)}'`,
    );
    const text = sql.replaceAll(/\$(\d+)/g, (_, place: string) => values[Number(place) - 1]!);
    const plan = await admin.server.orm.em.fork().transactional(async (em) => {
      await em.execute('set local enable_seqscan = off');
      const lines = await em.execute<Record<string, string>[]>(`explain ${text}`);
      return lines.map((line) => line['QUERY PLAN']).join('\n');
    });
    expect(plan).toMatch(index);
    expect(plan).not.toMatch(/2026_04|2026_06|Seq Scan on token/);
  });

  async function exported(query: string): Promise<{ headers: Headers; text: string }> {
    const response = await fetch(`${admin.url}/admin/usage/export?${RANGE}&${query}`, {
      headers: { authorization: `Bearer ${admin.token}` },
    });
    expect(response.status).toBe(200);
    return { headers: response.headers, text: await response.text() };
  }

  it('as CSV that no spreadsheet runs, and as JSON Lines, with the same sum', async () => {
    const csv = await exported('format=csv');
    expect(csv.headers.get('content-disposition')).toBe('attachment; filename="usage.csv"');
    const [head, ...lines] = csv.text.trimEnd().split('\r\n');
    expect(head).toMatch(/^created_at,id,request_id,user_id,model,/);
    expect(lines).toHaveLength(30);
    expect(csv.text).toContain(`"'=HYPERLINK(""http://evil"")"`);

    const { text } = await exported('format=jsonl');
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    expect(rows.reduce((sum, { credits }) => sum + Number(credits) * 1_000, 0)).toBeCloseTo((30 * 31) / 2);
    expect((await exported(`format=jsonl&userId=${second}`)).text.trimEnd().split('\n')).toHaveLength(10);
  });

  it('leaves a line in the audit trail of who exported what', async () => {
    await exported('format=csv&model=sandbox-echo');
    const [line] = await admin.server.orm.em
      .getConnection()
      .execute<Record<string, unknown>[]>(
        `select actor_id, action, after from audit_trail where action = 'usage.export' order by created_at desc limit 1`,
      );
    expect(line).toMatchObject({
      actor_id: admin.userId,
      after: { modelId: 'sandbox-echo', from: expect.any(String) },
    });
  });

  /** An export whose reader does not read. Those that ended before may hold their places for a moment. */
  async function opened(): Promise<Readable> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return admin.server.app.get(UsageLedgerService).export({ from: new Date(0), to: new Date() }, 'csv');
      } catch (error) {
        if (!(error instanceof OverloadedError) || attempt > 200) throw error;
        await sleep(50);
      }
    }
  }

  // Removed once: that the file is given up. Nobody read it, so it kept its place until the process ended, and the third export was refused.
  it('that cannot be told to the audit trail is refused, and keeps no place', async () => {
    const connection = admin.server.orm.em.getConnection();
    await connection.execute(`create function tollgate.no_export() returns trigger language plpgsql as
      $$ begin raise exception 'no room' using errcode = 'too_many_connections'; end $$`);
    await connection.execute(`create trigger no_export before insert on audit_trail for each row
      when (new.action = 'usage.export') execute function tollgate.no_export()`);
    for (let attempt = 0; attempt < 3; attempt += 1)
      expect((await admin.get(`/admin/usage/export?${RANGE}`)).status).toBe(503);
    await connection.execute('drop function tollgate.no_export cascade');
    // Its session ends a moment after the answer.
    (await opened()).destroy();
    (await opened()).destroy();
  });

  it('writes as many exports at a time as it may, and ends one whose reader leaves', async () => {
    const em = admin.server.orm.em.fork();
    await em.begin();
    try {
      // So few rows would be written before anybody else can come.
      await em.execute('lock table token_usage_ledger in access exclusive mode');
      const files = [await opened(), await opened()];
      const refused = await admin.get(`/admin/usage/export?${RANGE}`);
      expect(refused).toMatchObject({ status: 503, body: { code: 'overloaded' } });
      for (const file of files) file.destroy();
      (await opened()).destroy();
    } finally {
      await em.rollback();
    }
  });
});
