import { type ClientRequest, type IncomingMessage, request, type Server } from 'node:http';
import pg from 'pg';
import { CircuitBreakers } from '../../src/inference/resilience/circuit-breakers.service.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { until } from '../support/until.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { addModel } from './model-copies.js';

const USAGE = { prompt_tokens: 12, completion_tokens: 7, total_tokens: 19 };
const CHARGED = { usage_source: 'provider', input_tokens: 12, output_tokens: 7 };

/** Every stage at which a client can close its connection, and what it owes then. */
describe.each([{ stream: false }, { stream: true }])('a client that leaves (stream: $stream)', ({ stream }) => {
  const CHAT: [string, object] = [
    '/v1/chat/completions',
    { model: 'gpt-5-nano', messages: [{ role: 'user', content: 'Hello' }], stream },
  ];
  const EMBEDDINGS: [string, object] = ['/v1/embeddings', { model: 'text-embedding', input: 'Hello' }];
  let mock: OpenAiMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    mock = await new OpenAiMock().start();
    bench = await ChatBench.start({ env: { OPENAI_BASE_URL: mock.baseUrl } });
    await addModel(bench.server, { id: 'text-embedding', like: 'sandbox-embedding', provider: 'openai' });
    const circuits = bench.server.app.get(CircuitBreakers);
    circuits.settings = { ...circuits.settings, callsMax: 1 };
  });
  beforeEach(async () => {
    mock.behave({ usage: USAGE });
    mock.requests.length = 0;
    caller = await bench.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await mock.close();
  });

  /** Removed once: the look at the connection after the reservation, of each. The provider was asked for nobody, and embeddings were paid for. */
  it.each([
    ['a chat', CHAT],
    ['embeddings', EMBEDDINGS],
  ])('that wants %s, while its credits are being held: nobody is asked, nothing is charged', async (_what, wanted) => {
    const account = await accountSession();
    await account.lock();
    const { client } = send(wanted);
    await account.blocks();
    client.destroy();
    await until(async () => (await openConnections()) === 0);
    await account.release();
    await until(async () => (await holds()).join() === 'voided');
    expect(mock.requests).toEqual([]);
    await caller.expectUntouched();
  });

  /** Removed once: the look at the connection once there is a place, and the provider was asked and paid for nobody. */
  it('while it waits for a place among the calls of the model: nobody is asked, nothing is charged', async () => {
    mock.behave({ usage: USAGE, delayMs: 1_000 });
    const first = send();
    await until(() => mock.requests.length === 1);
    const second = send();
    await until(async () => (await holds()).length === 2);
    second.client.destroy();
    (await first.answered).resume();
    await until(async () => !(await holds()).includes('pending'));
    expect((await holds()).toSorted()).toEqual(['settled', 'voided']);
    expect(mock.requests).toHaveLength(1);
    expect(await caller.ledger()).toHaveLength(1);
  });

  it('before the head: the answer is charged as the provider counted it', async () => {
    mock.behave({ usage: USAGE, delayMs: 300 });
    const { client } = send();
    await until(() => mock.requests.length === 1);
    client.destroy();
    expect(await caller.settled()).toMatchObject([{ ...CHARGED, outcome: 'client_aborted' }]);
  });

  it('before the head, and the answer comes at once as a whole', async () => {
    const rawBody = stream ? wholeStream() : undefined;
    mock.behave({ usage: USAGE, delayMs: 300, ...(rawBody && { rawBody }) });
    const { client } = send();
    await until(() => mock.requests.length === 1);
    client.destroy();
    expect(await caller.settled()).toMatchObject([{ ...CHARGED, outcome: 'client_aborted' }]);
  });

  it('after the last token, while it is being charged: it is charged once', async () => {
    mock.behave({ usage: USAGE, delayMs: 1_000 });
    const account = await accountSession();
    const { client, answered } = send();
    await until(() => mock.requests.length === 1);
    await account.lock();
    if (stream) {
      const response = await answered;
      let seen = '';
      response.on('data', (bytes: Buffer) => (seen += bytes.toString())).on('error', () => undefined);
      await until(() => seen.includes('"finish_reason":"stop"'));
    }
    await account.blocks();
    client.destroy();
    await account.release();
    expect(await caller.settled()).toMatchObject([CHARGED]);
    expect(await holds()).toEqual(['settled']);
  });

  it('that wants embeddings, before they come: they are charged, and it is said that nobody had them', async () => {
    mock.behave({ delayMs: 300 });
    const { client } = send(EMBEDDINGS);
    await until(() => mock.requests.length === 1);
    client.destroy();
    expect(await caller.settled()).toMatchObject([{ operation: 'embedding', outcome: 'client_aborted' }]);
  });

  function send([path, body]: [path: string, body: object] = CHAT): {
    client: ClientRequest;
    answered: Promise<IncomingMessage>;
  } {
    const client = request(`${caller.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/json' },
    });
    const answered = new Promise<IncomingMessage>((resolve) => client.on('response', resolve));
    client.on('error', () => undefined);
    client.end(JSON.stringify(body));
    return { client, answered };
  }

  /** Whose requests the server still has: it learns of a closed connection a moment later. */
  function openConnections(): Promise<number> {
    const server = bench.server.app.getHttpServer() as Server;
    return new Promise((resolve, reject) =>
      server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  }

  async function holds(): Promise<string[]> {
    const rows = await bench.server.orm.em
      .getConnection()
      .execute<{ state: string }[]>('select state from credit_holds where user_id = ?', [caller.userId]);
    return rows.map(({ state }) => state);
  }

  /** Keeps the caller's account from every statement that holds or charges, so that a request waits at that stage. */
  async function accountSession() {
    const session = new pg.Client({ connectionString: bench.server.database.url });
    await session.connect();
    const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    session.on('error', () => undefined);
    return {
      lock: async () => {
        await session.query('begin');
        await session.query('select 1 from credit_accounts where user_id = $1 for update', [caller.userId]);
      },
      blocks: () => until(async () => (await session.query(waiting)).rowCount === 1),
      release: async () => {
        await session.query('commit');
        await session.end();
      },
    };
  }
});

/** What a provider sends, all in one. */
function wholeStream(): string {
  const chunk = (members: object) => ({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', ...members });
  const choice = { index: 0, delta: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' };
  const events = [chunk({ choices: [choice] }), chunk({ choices: [], usage: USAGE })];
  return `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`;
}
