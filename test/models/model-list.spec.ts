import pg from 'pg';
import { ChatBench, type Caller } from '../inference/chat-bench.js';
import { AdminConsole } from './admin-console.js';

interface Listed {
  id: string;
  usable: boolean;
  unusableCode: string | null;
  parameters: Record<string, unknown>;
}

describe('GET /v1/models', () => {
  let bench: ChatBench;
  let admin: AdminConsole;
  let free: Caller;
  let rich: Caller;
  beforeAll(async () => {
    bench = await ChatBench.start();
    admin = await AdminConsole.on(bench.server);
    [free, rich] = [await bench.caller(), await bench.caller('pro_max')];
  });
  afterAll(() => bench.close());

  async function list(caller: Caller, query = '', etag?: string) {
    const response = await fetch(`${caller.url}/v1/models${query}`, {
      headers: { authorization: `Bearer ${caller.token}`, ...(etag && { 'if-none-match': etag }) },
    });
    const text = await response.text();
    const data = text === '' ? [] : (JSON.parse(text) as { data: Listed[] }).data;
    return { status: response.status, etag: response.headers.get('etag')!, data, length: text.length };
  }

  it('tells each user which models may be called, and why the others may not', async () => {
    const seenByFree = (await list(free)).data.find(({ id }) => id === 'gpt-5');
    expect(seenByFree).toMatchObject({ usable: false, unusableCode: 'tier_required' });
    const seenByRich = (await list(rich)).data.find(({ id }) => id === 'gpt-5');
    expect(seenByRich).toMatchObject({ usable: true, unusableCode: null });
    expect(seenByRich?.parameters).toHaveProperty('temperature');
  });

  it('is not sent again to a client that has it', async () => {
    const first = await list(free);
    expect(first.status).toBe(200);
    expect(await list(free, '', first.etag)).toMatchObject({ status: 304, length: 0, etag: first.etag });
    expect(await list(free, '', `"other", W/${first.etag}`)).toMatchObject({ status: 304 });
    expect(await list(free, '', '"other"')).toMatchObject({ status: 200 });
  });

  it('differs by plan and by filter', async () => {
    const { etag } = await list(free);
    expect((await list(rich, '', etag)).status).toBe(200);
    expect((await list(free, '?capability=embedding', etag)).data.map(({ id }) => id)).toEqual(['sandbox-embedding']);
  });

  // Seen: the refusal of a chat with a model of embeddings leads here, and none of the built-in models has the word.
  it('lists every model that chats under either name of that', async () => {
    const [text, chat] = await Promise.all(['text', 'chat'].map((name) => list(rich, `?capability=${name}`)));
    expect(chat!.data.map(({ id }) => id)).toEqual(expect.arrayContaining(['gpt-5', 'sandbox-echo']));
    expect(chat!.data).toEqual(text!.data);
    expect(chat!.data.map(({ id }) => id)).not.toContain('sandbox-embedding');
  });

  it('asks the database nothing about models, nor does an estimate', async () => {
    const client = new pg.Client({ connectionString: bench.server.database.url });
    await client.connect();
    try {
      await client.query('begin');
      // Whoever reads these tables now waits until this test gives up.
      await client.query(
        'lock table public.models, public.model_versions, public.model_tier_audit_logs in access exclusive mode',
      );
      expect((await list(free, '?includeLegacy=true')).status).toBe(200);
      expect((await free.get('/v1/models/gpt-5')).status).toBe(200);
      const chat = { model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }], temperature: 0.5, n: 2 };
      expect((await free.post('/v1/estimates', chat)).body).toMatchObject({ wouldPass: true });
      expect((await free.chat({ ...chat, temperature: 5 })).status).toBe(400);
    } finally {
      await client.end();
    }
  });

  it('changes at once when a model does', async () => {
    const { etag } = await list(free);
    const answer = await admin.edit('PATCH', '/admin/models/sandbox-echo/meta', {
      meta: { displayName: 'Echo' },
      reason: 'Shorter',
    });
    expect(answer.status).toBe(200);
    expect((await list(free, '', etag)).status).toBe(200);
  });
});
