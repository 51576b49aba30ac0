import { MikroORM } from '@mikro-orm/postgresql';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FeatureFlags } from '../../src/monitoring/flags/feature-flags.service.js';
import { shareOf } from '../../src/monitoring/domain/feature-flag.js';
import { SystemLogWriter } from '../../src/monitoring/system-logs/system-log-writer.service.js';
import { AdminConsole, type Answer } from '../models/admin-console.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { BEFORE, CONTRACT, EXPAND, type Parcel, Parcels } from './parcels.js';

const PATH = '/admin/feature-flags';

describe('feature flags', () => {
  const stores: Parcels[] = [];
  let admin: AdminConsole;
  let second: TestApp;
  let orm: MikroORM;
  beforeAll(async () => {
    const beforeInit = (app: NestFastifyApplication) => {
      const flags = app.get(FeatureFlags);
      flags.define({ key: 'test_on', description: 'On unless somebody says otherwise', isOnByDefault: true });
      stores.push(new Parcels(app.get<MikroORM>(MikroORM).em, flags));
    };
    admin = await AdminConsole.start({ beforeInit, env: { LOG_LEVEL: 'info' } });
    const { database, url, orm: opened } = admin.server;
    second = await startTestApp({ database, publicUrl: url, beforeInit });
    orm = opened;
  });
  afterAll(async () => {
    await second.close();
    await admin.close();
  });

  const set = (key: string, change: object, headers = {}): Promise<Answer> =>
    Object.keys(headers).length > 0
      ? admin.send('PATCH', `${PATH}/${key}`, { reason: 'For a test', ...change }, headers)
      : admin.edit('PATCH', `${PATH}/${key}`, { reason: 'For a test', ...change });

  /** Changes a flag and waits until both replicas decide so for somebody. */
  async function rollOut(key: string, change: object, who: string, isOn: boolean): Promise<void> {
    expect((await set(key, change)).status).toBe(200);
    for (const url of [admin.url, second.url])
      for (let attempt = 0; ; attempt += 1) {
        const answer = await fetch(`${url}${PATH}/${key}/decision?userId=${who}`, {
          headers: { authorization: `Bearer ${admin.token}` },
        });
        if (((await answer.json()) as { isOn: boolean }).isOn === isOn) break;
        expect(attempt).toBeLessThan(500);
      }
  }

  const decide = async (query: string, key = 'test_on') => (await admin.get(`${PATH}/${key}/decision?${query}`)).body;

  it('are those of the code, with their default until an operator says otherwise', async () => {
    const { body } = await admin.get(PATH);
    expect((body['data'] as { key: string }[]).map(({ key }) => key)).toEqual(
      expect.arrayContaining(['parcels_read_grams', 'store_requests', 'test_on']),
    );
    expect((await admin.get(`${PATH}/test_on`)).body).toMatchObject({ isEnabled: true, percent: 100, isStored: false });
    expect((await admin.get(`${PATH}/store_requests`)).body).toMatchObject({ isEnabled: false, percent: 0 });
    expect(await decide('')).toEqual({ isOn: true, reason: 'percent' });
    const unknown = await admin.get(`${PATH}/bread`);
    expect([unknown.status, unknown.body['code']]).toEqual([404, 'feature_flag_not_found']);
    expect((await admin.get(`${PATH}/bread/decision`)).status).toBe(404);
  });

  // Removed once: `announce`. The second replica then decides as before.
  it('are on by user, tier or percentage, on every replica, and changed with a line in the audit trail', async () => {
    const [eva, adam] = [crypto.randomUUID(), crypto.randomUUID()];
    await rollOut('test_on', { percent: 0, tiers: ['pro'], userIds: [eva] }, eva, true);
    expect(await decide(`userId=${eva}`)).toEqual({ isOn: true, reason: 'user' });
    expect(await decide(`userId=${adam}&tier=pro`)).toEqual({ isOn: true, reason: 'tier' });
    expect(await decide(`userId=${adam}&tier=free`)).toEqual({ isOn: false, reason: 'nobody' });
    await rollOut('test_on', { percent: Math.ceil(shareOf('test_on', adam)) }, adam, true);
    await rollOut('test_on', { isEnabled: false }, eva, false);
    const { body } = await admin.get('/admin/audit-trail?entity=feature_flag&entityId=test_on');
    expect((body['data'] as object[])[0]).toMatchObject({
      action: 'feature_flag.update',
      actorId: admin.userId,
      reason: 'For a test',
      before: { isEnabled: true },
      after: { isEnabled: false, userIds: [eva] },
    });
    const etag = (await admin.get(`${PATH}/test_on`)).headers.get('etag')!;
    expect((await admin.send('DELETE', `${PATH}/test_on`, undefined, { 'if-match': etag })).status).toBe(400);
    expect((await admin.send('DELETE', `${PATH}/test_on?reason=Done`, undefined, { 'if-match': etag })).status).toBe(
      204,
    );
    expect((await admin.get(`${PATH}/test_on`)).body).toMatchObject({ percent: 100, isStored: false });
  });

  it('that no code asks for any more are told, and can be deleted', async () => {
    await orm.em
      .getConnection()
      .execute(
        `insert into feature_flags (key, description, created_at, updated_at) values ('of_old', 'Old', now(), now())`,
      );
    const { body, headers } = await admin.get(`${PATH}/of_old`);
    expect(body).toMatchObject({ isDefined: false, isStored: true });
    const gone = await admin.send('DELETE', `${PATH}/of_old?reason=Done`, undefined, {
      'if-match': headers.get('etag')!,
    });
    expect(gone.status).toBe(204);
    expect((await admin.get(`${PATH}/of_old`)).status).toBe(404);
  });

  it('change from the state that was read, by admins alone, and refuse what breaks a rule', async () => {
    const read = await admin.get(`${PATH}/store_requests`);
    const etag = read.headers.get('etag')!;
    expect((await admin.send('PATCH', `${PATH}/store_requests`, { reason: 'x', percent: 1 })).status).toBe(428);
    const both = await Promise.all([1, 2].map((percent) => set('store_requests', { percent }, { 'if-match': etag })));
    expect(both.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 412]);
    for (const [body, field] of [
      [{ percent: 101 }, 'percent'],
      [{ percent: 1.5 }, 'percent'],
      [{ tiers: ['gold'] }, 'tiers'],
      [{ userIds: ["' or 1=1 --"] }, 'userIds'],
      [{ userIds: Array.from({ length: 1_001 }, () => crypto.randomUUID()) }, 'userIds'],
      [{ key: 'other' }, 'key'],
      [{ updatedBy: admin.userId }, 'updatedBy'],
      [{ reason: '' }, 'reason'],
    ] as const) {
      const answer = await set('store_requests', body);
      expect({ field, status: answer.status, errors: answer.body['errors'] }).toMatchObject({
        field,
        status: 400,
        errors: [{ field }],
      });
    }
    const support = await admin.as('support');
    expect((await support.get(PATH)).status).toBe(200);
    expect((await support.send('PATCH', `${PATH}/store_requests`, {})).status).toBe(403);
  });

  it('take null for nothing, and users in either case of letters', async () => {
    for (const field of ['isEnabled', 'percent', 'tiers', 'userIds']) {
      const answer = await set('test_on', { [field]: null });
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ field }] } });
    }
    const [lower, upper] = [admin.userId, admin.userId.toUpperCase()];
    const changed = await set('test_on', { isEnabled: true, userIds: [upper] });
    expect(changed.body['userIds']).toEqual([lower]);
    const headers = { 'if-match': changed.headers.get('etag')! };
    expect((await set('test_on', { userIds: [] }, headers)).status).toBe(200);
    expect((await set('test_on', { userIds: [lower, upper] })).status).toBe(400);
  });

  it('store_requests keeps the lines of the requests of one user', async () => {
    const { app } = admin.server;
    const stored = async () => {
      await app.get(SystemLogWriter).flush();
      const { body } = await admin.get('/admin/system-logs?service=StoredHttp');
      return body['data'] as Record<string, unknown>[];
    };
    expect(await stored()).toEqual([]);
    await rollOut('store_requests', { isEnabled: true, percent: 0, userIds: [admin.userId] }, admin.userId, true);
    await (await admin.as('support')).get('/admin/users');
    await admin.get('/admin/plans');
    const lines = await stored();
    expect(lines.map(({ message }) => message)).toContain('GET /admin/plans 200');
    expect(new Set(lines.map(({ userId }) => userId))).toEqual(new Set([admin.userId]));
    await rollOut('store_requests', { isEnabled: false }, admin.userId, false);
  });

  /** docs/feature-flags.md, step by step, with writers on both replicas all the time. */
  it('carry live code from an old column to a new one, back, and there again, without a wrong answer', async () => {
    const [one, other] = stores as [Parcels, Parcels];
    const execute = (sql: string): Promise<Record<string, unknown>[]> => orm.em.getConnection().execute(sql);
    const parcels: Parcel[] = Array.from({ length: 1_200 }, () => ({
      id: crypto.randomUUID(),
      userId: crypto.randomUUID(),
      grams: 1 + Math.floor(Math.random() * 30_000),
    }));
    const [early, late] = [...parcels]
      .toSorted((a, b) => shareOf('parcels_read_grams', a.userId) - shareOf('parcels_read_grams', b.userId))
      .flatMap((parcel, index) => (index === 0 || index === parcels.length - 1 ? [parcel] : [])) as [Parcel, Parcel];
    const write = async (some: readonly Parcel[]): Promise<void> => {
      for (const [index, parcel] of some.entries()) {
        parcel.grams += 1;
        await (index % 2 === 0 ? one : other).save(parcel);
      }
    };
    const expectRight = async (): Promise<void> => {
      for (const [index, parcel] of parcels.entries()) {
        if (index % 10 > 0) continue;
        expect(await (index % 20 === 0 ? one : other).gramsOf(parcel)).toBe(parcel.grams);
      }
    };

    await execute(BEFORE);
    await execute(EXPAND);
    await write(parcels);
    expect(await one.inconsistencies()).toHaveLength(parcels.length);

    // Dual write, for half of the users and then for all; the fill beside writers.
    await rollOut(
      'parcels_write_grams',
      { isEnabled: true, percent: 50 },
      early.userId,
      shareOf('parcels_write_grams', early.userId) < 50,
    );
    await write(parcels.slice(0, 100));
    await rollOut('parcels_write_grams', { percent: 100 }, late.userId, true);
    await Promise.all([one.fill(), other.fill(), write(parcels.slice(300, 600))]);
    await one.fill();

    // The check, which sees a writer that forgot the new column.
    expect(await one.inconsistencies()).toEqual([]);
    await execute(`update parcels set weight_text = '0.001 kg' where id = '${parcels[0]!.id}'`);
    expect(await one.inconsistencies()).toEqual([parcels[0]!.id]);
    await write(parcels.slice(0, 1));
    expect(await one.inconsistencies()).toEqual([]);

    // The cutover, a part first; the way back while writers go on; and forward again.
    await rollOut('parcels_read_grams', { isEnabled: true, percent: 10 }, early.userId, true);
    expect(await decide(`userId=${late.userId}`, 'parcels_read_grams')).toMatchObject({ isOn: false });
    await expectRight();
    await rollOut('parcels_read_grams', { isEnabled: false }, early.userId, false);
    await write(parcels.slice(0, 300));
    await expectRight();
    await rollOut('parcels_read_grams', { isEnabled: true, percent: 100 }, late.userId, true);
    await write(parcels.slice(200, 500));
    await expectRight();
    expect([one.mismatches, other.mismatches]).toEqual([0, 0]);
    expect(await one.inconsistencies()).toEqual([]);

    // The clean-up: the next version knows only the new column.
    for (const statement of CONTRACT) await execute(statement);
    const [sum] = await execute('select sum(weight_grams)::integer as grams from parcels');
    expect(sum).toEqual({ grams: parcels.reduce((total, { grams }) => total + grams, 0) });
    await execute('drop table parcels');
  });
});
