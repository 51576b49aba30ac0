import { AdminConsole } from '../models/admin-console.js';
import { startTestApp } from '../support/test-app.js';

const SIGNATURE = Buffer.alloc(64, 7).toString('base64');
const DAY_MS = 86_400_000;

describe('the releases of the app', () => {
  let admin: AdminConsole;
  beforeAll(async () => {
    admin = await AdminConsole.start();
  });
  afterAll(() => admin.close());

  const release = (body: object) => ({
    version: '1.0.0',
    platform: 'darwin-arm64',
    channel: 'stable',
    url: 'https://downloads.example.com/app.dmg',
    sha256: 'AB'.repeat(32),
    signature: SIGNATURE,
    reason: 'For a test',
    ...body,
  });
  const add = (body: object) => admin.post('/admin/app-versions', release(body));
  const published = (body: object) => add({ publishedAt: new Date(Date.now() - 1_000).toISOString(), ...body });
  async function read(path: string, init: RequestInit = {}) {
    const response = await fetch(`${admin.url}${path}`, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  }
  const latest = (query: string) => read(`/v1/app/versions/latest?${query}`);

  it('are offered without a sign-in, the newest to whom has an older one', async () => {
    expect((await latest('platform=darwin-arm64&version=1.0.0')).body).toEqual({
      isUpdate: false,
      isSupported: true,
      release: null,
    });
    const first = await published({ sizeBytes: 5_000_000 });
    expect(first).toMatchObject({
      status: 201,
      body: { sha256: 'ab'.repeat(32), rolloutPercent: 100, downloadCount: 0 },
    });
    await published({ version: '1.1.0', minSupportedVersion: '0.9.0', notes: 'Faster' });
    await add({ version: '1.2.0' }); // a draft
    expect((await latest('platform=darwin-arm64&channel=stable&version=1.0.0')).body).toMatchObject({
      isUpdate: true,
      isSupported: true,
      release: { version: '1.1.0', notes: 'Faster', url: 'https://downloads.example.com/app.dmg' },
    });
    expect((await latest('platform=darwin-arm64&version=0.8.0')).body).toMatchObject({
      isUpdate: true,
      isSupported: false,
    });
    expect((await latest('platform=darwin-arm64&version=1.1.0')).body).toMatchObject({ isUpdate: false });
    expect((await latest('platform=linux-x64&version=1.0.0')).body).toMatchObject({ release: null });
    expect((await latest('platform=darwin-arm64&channel=beta')).body).toMatchObject({ release: null });
    const page = await read('/v1/app/versions?platform=darwin-arm64&limit=1');
    expect(page.body).toMatchObject({ data: [{ version: '1.1.0' }] });
    const rest = await read(`/v1/app/versions?platform=darwin-arm64&cursor=${page.body.nextCursor}`);
    expect(rest.body).toMatchObject({ data: [{ version: '1.0.0', sizeBytes: 5_000_000 }], nextCursor: null });
  });

  it('reach more installations step by step, and nobody once they are taken back', async () => {
    const platform = 'windows-x64';
    await published({ platform });
    const { body } = await published({ platform, version: '2.0.0', rolloutPercent: 30 });
    const path = `/admin/app-versions/${String(body['id'])}`;
    const installations = Array.from({ length: 40 }, (_, index) => `installation-${index}`);
    const having = async () => {
      const answers = await Promise.all(
        installations.map((one) => latest(`platform=${platform}&version=1.0.0&installation=${one}`)),
      );
      return installations.filter((_, index) => answers[index]!.body.release.version === '2.0.0');
    };
    const some = await having();
    expect(some.length).toBeGreaterThan(3);
    expect(some.length).toBeLessThan(25);
    expect((await latest(`platform=${platform}&version=1.0.0`)).body).toMatchObject({ release: { version: '1.0.0' } });
    expect((await admin.edit('PATCH', path, { rolloutPercent: 60, reason: 'No complaints' })).status).toBe(200);
    const more = await having();
    expect(more).toEqual(expect.arrayContaining(some));
    expect(more.length).toBeGreaterThan(some.length);
    await admin.edit('PATCH', path, { publishedAt: null, reason: 'It crashes' });
    expect(await having()).toEqual([]);
    // Who has it keeps it.
    expect((await latest(`platform=${platform}&version=2.0.0`)).body).toMatchObject({ isUpdate: false });
  });

  it('have no half a character in their notes, as where an emoji was cut', async () => {
    expect(await published({ notes: 'Faster \ud83d' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'notes', message: 'must not hold half of a surrogate pair' }] },
    });
  });

  it('come out at their time', async () => {
    const platform = 'linux-arm64';
    await add({ platform, publishedAt: new Date(Date.now() + DAY_MS).toISOString() });
    expect((await latest(`platform=${platform}`)).body).toMatchObject({ release: null });
    expect((await admin.get(`/admin/app-versions?platform=${platform}&isPublished=false`)).body['data']).toHaveLength(
      1,
    );
    admin.server.clock.advance(DAY_MS + 60_000);
    expect((await latest(`platform=${platform}`)).body).toMatchObject({ release: { version: '1.0.0' } });
    expect((await admin.get(`/admin/app-versions?platform=${platform}&isPublished=true`)).body['data']).toHaveLength(1);
  });

  // Removed once: without the lock both of two equal ones were asked about before either was there.
  it('never go backwards on a platform and channel, also when two come at once', async () => {
    const platform = 'linux-x64';
    const both = await Promise.all(['1.5.0', '1.5.0', '1.4.0'].map((version) => add({ platform, version })));
    const statuses = both.map(({ status }) => status);
    expect(statuses).toEqual(expect.arrayContaining([201, 409]));
    expect(statuses.filter((status) => status !== 201 && status !== 409)).toEqual([]);
    for (const version of ['1.5.0', '1.4.9', '1.5.0-rc.1'])
      expect(await add({ platform, version })).toMatchObject({
        status: 409,
        body: { code: 'version_goes_backwards', newest: '1.5.0' },
      });
    expect((await add({ platform, channel: 'beta', version: '1.4.0' })).status).toBe(201);
  });

  it.each([
    ['version', '1.0'],
    ['version', '1.0.0+5'],
    ['platform', 'amiga'],
    ['channel', 'nightly'],
    ['url', 'http://downloads.example.com/app.dmg'],
    ['url', 'https://ada:secret@downloads.example.com/app.dmg'],
    ['sha256', 'ab'.repeat(31)],
    ['sha256', 'zz'.repeat(32)],
    ['signature', 'not base64 '.repeat(10)],
    ['signature', 'QUJD'],
    ['rolloutPercent', 101],
    ['minSupportedVersion', '9.0.0'],
    ['publishedAt', 'tomorrow'],
    ['sizeBytes', 0],
  ])('are refused with the %s %j', async (field, value) => {
    const { status, body } = await add({ platform: 'windows-arm64', version: '3.0.0', [field]: value });
    expect([status, body['errors']]).toEqual([400, [expect.objectContaining({ field })]]);
  });

  it.each([
    '',
    'platform=amiga',
    'platform=linux-x64&channel=nightly',
    'platform=linux-x64&version=new',
    'platform=linux-x64&x=1',
  ])('are not answered to the question "%s"', async (query) => {
    expect(await latest(query)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });

  it('count their downloads', async () => {
    const count = (body: object) =>
      read('/v1/app/downloads', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'updater/1' },
        body: JSON.stringify(body),
      });
    const target = { platform: 'darwin-arm64', channel: 'stable' };
    for (let time = 0; time < 3; time += 1) expect((await count({ ...target, version: '1.0.0' })).status).toBe(204);
    expect((await count({ ...target, version: '1.2.0' })).body).toMatchObject({ code: 'app_version_not_found' });
    expect((await count({ platform: 'amiga', version: '1.0.0' })).status).toBe(400);
    const { body } = await admin.get('/admin/app-versions?platform=darwin-arm64');
    expect(body['data']).toMatchObject([
      { version: '1.2.0', downloadCount: 0 },
      { version: '1.1.0', downloadCount: 0 },
      { version: '1.0.0', downloadCount: 3 },
    ]);
  });

  it('are read by updaters in their own words', async () => {
    const text = async (path: string) => {
      const response = await fetch(`${admin.url}/v1/app/updates/${path}`);
      return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
    };
    const electron = await text('electron/stable/darwin-arm64/latest-mac.yml?noCache=1f2e');
    expect(electron).toMatchObject({ status: 200, type: 'text/yaml; charset=utf-8' });
    expect(electron.body).toContain('version: "1.1.0"');
    expect((await text('electron/stable/linux-arm64/latest-linux-arm64.yml')).body).toContain('version: "1.0.0"');
    expect((await text('electron/alpha/linux-arm64/latest-linux-arm64.yml')).status).toBe(404);
    expect((await text('electron/stable/darwin-arm64/other.yml')).status).toBe(400);
    expect(JSON.parse((await text('tauri/stable/darwin-arm64/1.0.0')).body)).toMatchObject({
      version: '1.1.0',
      signature: SIGNATURE,
    });
    expect(await text('tauri/stable/darwin-arm64/1.1.0')).toMatchObject({ status: 204, body: '' });
    const sparkle = await text('sparkle/stable/darwin-arm64/appcast.xml');
    expect(sparkle).toMatchObject({ status: 200, type: 'application/rss+xml; charset=utf-8' });
    expect(sparkle.body).toContain('<sparkle:version>1.1.0</sparkle:version>');
    expect((await text('sparkle/stable/amiga/appcast.xml')).status).toBe(400);
  });

  it('are changed by admins alone, from the state that was read, with an entry that tells why', async () => {
    const { body } = await add({ platform: 'darwin-x64' });
    const path = `/admin/app-versions/${String(body['id'])}`;
    const change = { rolloutPercent: 5, reason: 'Carefully' };
    expect((await admin.send('PATCH', path, change)).status).toBe(428);
    expect((await admin.send('PATCH', path, change, { 'if-match': '"old"' })).status).toBe(412);
    expect((await admin.edit('PATCH', path, { rolloutPercent: 5 })).status).toBe(400);
    expect((await admin.edit('PATCH', path, { sha256: 'cd'.repeat(32), reason: 'Another file' })).status).toBe(400);
    expect((await admin.edit('PATCH', path, change)).body).toMatchObject({ rolloutPercent: 5 });
    const support = await admin.as('support');
    expect((await support.get(path)).status).toBe(200);
    expect((await support.post('/admin/app-versions', release({ version: '7.0.0' }))).status).toBe(403);
    const entries = await admin.server.orm.em
      .getConnection()
      .execute<object[]>(`select action, reason, before, after from audit_trail where entity_id = ? order by id`, [
        body['id'],
      ]);
    expect(entries).toMatchObject([
      { action: 'app_version.create', before: null, after: { version: '1.0.0' } },
      {
        action: 'app_version.update',
        reason: 'Carefully',
        before: { rolloutPercent: 100 },
        after: { rolloutPercent: 5 },
      },
    ]);
    expect((await admin.get('/admin/app-versions/0197c000-0000-7000-8000-00000000dead')).body).toMatchObject({
      code: 'app_version_not_found',
    });
  });

  // Removed once: with counters in the memory of the process the second one answered as if nothing had been asked.
  it('are asked for so often by one network, however many replicas answer', async () => {
    const second = await startTestApp({ database: admin.server.database, publicUrl: admin.url });
    try {
      await admin.server.orm.em.getConnection().execute('delete from intake_rates');
      const ask = (url: string) => fetch(`${url}/v1/app/versions/latest?platform=linux-x64`);
      const answers: Response[] = [];
      for (let round = 0; round < 31; round += 1) {
        const some = Array.from({ length: 10 }, (_, index) => ask(index % 2 ? admin.url : second.url));
        answers.push(...(await Promise.all(some)));
      }
      const refused = answers.filter(({ status }) => status === 429);
      expect([answers.filter(({ status }) => status === 200).length, refused.length]).toEqual([300, 10]);
      expect(await refused[0]!.json()).toMatchObject({ code: 'too_many_requests' });
      expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
    } finally {
      await second.close();
    }
  });
});
