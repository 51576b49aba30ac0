import pg from 'pg';
import { AnthropicMock } from '../support/anthropic-mock.js';
import { GoogleMock } from '../support/google-mock.js';
import { png } from '../support/images.js';
import { until } from '../support/until.js';
import { addModel } from './model-copies.js';
import { ChatBench, HELLO, type Caller } from './chat-bench.js';

const image = (url: string) => [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];

/** The same members without a value. */
const undone = (members: object) => Object.fromEntries(Object.keys(members).map((name) => [name, undefined]));

describe('POST /v1/estimates', () => {
  let anthropic: AnthropicMock;
  let google: GoogleMock;
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    [anthropic, google] = await Promise.all([new AnthropicMock().start(), new GoogleMock().start()]);
    bench = await ChatBench.start({
      env: {
        ANTHROPIC_BASE_URL: anthropic.baseUrl,
        ANTHROPIC_API_KEY: 'sk-ant',
        GOOGLE_BASE_URL: google.baseUrl,
        GOOGLE_API_KEY: 'key',
      },
    });
    // Counted in no time, so that there is no doubt.
    await addModel(bench.server, {
      id: 'tiny',
      like: 'sandbox-echo',
      meta: { contextLength: 1_000, maxOutputTokens: 500 },
    });
    caller = await bench.caller();
  });
  afterAll(async () => {
    await bench.close();
    await Promise.all([anthropic.close(), google.close()]);
  });
  afterEach(() => caller.expectUntouched());

  const estimate = (body: unknown) => caller.post('/v1/estimates', body);

  it('answers the most that a chat can cost, and keeps nothing', async () => {
    const { status, body } = await estimate({ ...HELLO, max_tokens: 100, n: 2 });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'estimate',
      model: 'sandbox-echo',
      wouldPass: true,
      refusals: [],
      creditsMax: '0.221000',
      tokens: { input: 21, output: 200, choices: 2, imageCount: 0 },
      rates: { input: '0.001000', output: '0.001000' },
      parameters: { sent: { max_tokens: 100, n: 2 } },
    });
  });

  it('is never below what the chat is then charged', async () => {
    const payer = await bench.caller();
    const chat = { ...HELLO, model: 'sandbox-exact', max_tokens: 50 };
    const { body } = await payer.post('/v1/estimates', chat);
    const answer = await payer.chat(chat);
    expect(answer.headers.get('x-credits-charged')).toBe(body['creditsMax']);
  });

  it.each([
    ['a balance too small', { max_tokens: 16_000, n: 8 }, 'insufficient_credits', 402],
    ['a parameter out of range', { temperature: 9 }, 'parameter_constraint_violation', 400],
    ['a model of a higher plan', { model: 'gpt-5' }, 'tier_required', 403],
    [
      'a prompt beyond the context',
      { model: 'tiny', messages: [{ role: 'user', content: 'word '.repeat(2_000) }] },
      'context_length_exceeded',
      400,
    ],
  ])('says that %s would be refused, and how', async (_name, change, code, status) => {
    const answer = await estimate({ ...HELLO, ...change });
    expect(answer.status).toBe(200);
    expect(answer.body['wouldPass']).toBe(false);
    expect(answer.body['refusals']).toMatchObject([{ code, status }]);
  });

  /** Fails when the rates are always those of a short prompt: then they do not make up what it costs at most. */
  it.each([
    ['short', 1_000, '0.002000', '0.002000'],
    ['long', 250_000, '0.004000', '0.003000'],
  ])('tells the rates of a %s prompt', async (_name, length, input, output) => {
    const payer = await bench.caller('pro_max');
    const messages = [{ role: 'user', content: 'a '.repeat(length / 2) }];
    const { body } = await payer.post('/v1/estimates', { model: 'gemini-2.5-pro', messages, max_tokens: 100 });
    expect(body).toMatchObject({ wouldPass: true, rates: { input, output } });
    const tokens = body['tokens'] as { input: number; output: number };
    expect(Number(body['creditsMax'])).toBeCloseTo(tokens.input * Number(input) + tokens.output * Number(output), 6);
  });

  // Planted: the constraints alone, and an estimate said that it would pass what the adapter refuses before anybody is asked.
  it.each<[string, string, object, object]>([
    ['claude-sonnet-4-5', 'parameters side by side', { temperature: 0.5, top_p: 0.5 }, { top_p: 0.5 }],
    ['claude-sonnet-4-5', 'JSON without a schema', { response_format: { type: 'json_object' } }, {}],
    ['claude-sonnet-4-5', 'no room to think', { reasoning_effort: 'high', max_tokens: 100 }, { max_tokens: 100 }],
    ['gemini-2.5-pro', 'calls one by one', { parallel_tool_calls: false }, { parallel_tool_calls: true }],
    [
      'gemini-2.5-pro',
      'an image by address',
      { messages: image('https://example.com/a.png') },
      { messages: image(`data:image/png;base64,${png(64, 64).toString('base64')}`) },
    ],
  ])('tells what the provider of %s does not take: %s', async (model, _name, refused, taken) => {
    const payer = await bench.caller('pro_max');
    const chat = { ...HELLO, model, ...refused };
    const { status, error } = await payer.refusedChat(chat);
    expect([status, error.code]).toEqual([400, 'provider_rejected']);
    const { body } = await payer.post('/v1/estimates', chat);
    expect(body).toMatchObject({ wouldPass: false, refusals: [{ code: 'provider_rejected', status: 400 }] });
    expect((body['refusals'] as { message: string }[])[0]!.message.split(' Request ')[0]).toBe(
      error.message.split(' Request ')[0],
    );
    expect((await payer.post('/v1/estimates', { ...chat, ...undone(refused), ...taken })).body).toMatchObject({
      wouldPass: true,
      refusals: [],
    });
    expect([...anthropic.calls, ...google.calls]).toEqual([]);
  });

  // Seen: with six hundred at once of one user, the chats of everybody else waited for a second and more.
  it('keeps nobody from a chat who asks for ever more of them', async () => {
    const other = await bench.caller();
    const session = new pg.Client({ connectionString: bench.server.database.url });
    await session.connect();
    await session.query('begin');
    await session.query('select 1 from credit_accounts where user_id = $1 for update', [caller.userId]);
    const statuses: number[] = [];
    const asked = Array.from({ length: 100 }, async () => {
      const { status, body, headers } = await estimate(HELLO);
      statuses.push(status);
      if (status === 503)
        expect([headers.get('retry-after'), body]).toMatchObject(['1', { error: { code: 'overloaded' } }]);
    });
    await until(() => statuses.length === 32);
    expect((await other.chat(HELLO)).status).toBe(200);
    const estimated = other.post('/v1/estimates', HELLO);
    await until(() => statuses.length === 33);
    await session.query('commit');
    await session.end();
    expect((await estimated).status).toBe(200);
    await Promise.all(asked);
    expect(statuses.filter((status) => status === 503)).toHaveLength(33);
    expect(statuses.filter((status) => status === 200)).toHaveLength(67);
  });

  it('refuses what is no chat, and a model that does not exist', async () => {
    expect(await estimate({ model: 'sandbox-echo' })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    });
    expect(await estimate({ ...HELLO, model: 'gpt-99' })).toMatchObject({
      status: 404,
      body: { error: { code: 'model_not_found' } },
    });
  });
});
